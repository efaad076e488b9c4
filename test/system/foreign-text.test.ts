/**
 * Every command over names that a terminal would obey: an interface, a flow log, its tags, folders, files, keys and values of a
 * configuration, words of the command line, and what a query answers. On a pipe and on a terminal they come as letters.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../agent/commands/registry.ts';
import { pcapFile } from '../support/capture-file.ts';
import {
  type CommandEnd,
  FLOWLOGD,
  type RunningCommand,
  runCommand,
  startCommand,
  startProgram,
} from '../support/command.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { ethernet, ipv4, PROTOCOL, udp } from '../support/packet-builder.ts';

const missing = namespacesMissing() ?? commandMissing('script');
if (missing !== undefined) process.stderr.write(`foreign-text: ${missing}\n`);

/** Sets the title of a terminal, turns the direction of the text and clears the screen; fits the name of an interface. */
const HOSTILE = 'e\u001b]0;\u202e\u009b2J';
const SHOWN = 'e\\u001b]0;\\u202e\\u009b2J';
/** A forged line, where line feeds are possible. */
const FORGED = `${HOSTILE}\nflowlogd: all is well`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
const OWN_SEQUENCES = /\u001b\[(?:0|1|2|7|32|1;31|1;33)m|\u001b\[\?(?:1049|25|7)[hl]|\u001b\[(?:2J|H|K|J)/g;
const ACTING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A few at once: they wait most of their time. */
async function each<Item>(items: readonly Item[], run: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: 4 }, work));
}

function acting(text: string): readonly string[] {
  return (
    text
      .replaceAll(OWN_SEQUENCES, '')
      .replaceAll(/[\r\n]/g, '')
      .match(ACTING) ?? []
  );
}

describe.skipIf(missing !== undefined)('foreign text', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  let agent: RunningCommand;
  let scratch: string;
  let folder: string;
  let files: Readonly<Record<'config' | 'wrong' | 'capture' | 'noCapture' | 'state' | 'absent', string>>;

  beforeAll(async () => {
    namespace = new NetworkNamespace();
    namespace.addPair(HOSTILE, 'far0');
    scratch = mkdtempSync(join(tmpdir(), 'flowlogd-test-'));
    folder = join(scratch, HOSTILE);
    mkdirSync(folder);
    files = writeFiles(folder);
    agent = startCommand(['run', '--config', files.config], { namespace, killAtEnd: false });
    await agent.until(({ stderr }) => stderr.includes('embedded log service ready'));
    namespace.sendDatagrams(5);
    await agent.until(({ stderr }) => stderr.includes('"delivered"'));
  });
  afterAll(async () => {
    await agent.stop('SIGKILL');
    namespace.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const onPipe = (words: readonly string[]): Promise<CommandEnd> => runCommand(words, { namespace });

  /** A terminal has no standard error of its own. */
  function onTerminal(words: readonly string[]): Promise<CommandEnd> {
    const line = [process.execPath, FLOWLOGD, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return startProgram(['script', '-qefc', line, '/dev/null'], { namespace }).ended;
  }

  const queryFor = (format: string, text: string): readonly string[] => {
    const query = `* | select '${text}' as a limit 1`;
    return ['query', query, '--format', format, '--store', join(files.state, 'logservice')];
  };

  /** Words of a command by the sentence that they try to bring a name into. */
  const commands = (): Readonly<Record<string, readonly string[]>> => ({
    interfaces: ['interfaces'],
    'interfaces as JSON': ['interfaces', '--json'],
    status: ['status', '--state-directory', files.state],
    'status as JSON': ['status', '--json', '--state-directory', files.state],
    'flow-logs list': ['flow-logs', 'list', '--state-directory', files.state],
    'flow-logs describe': ['flow-logs', 'describe', HOSTILE, '--state-directory', files.state],
    'flow-logs as JSON': ['flow-logs', 'list', '--json', '--state-directory', files.state],
    'flow-logs of no such': ['flow-logs', 'describe', FORGED, '--state-directory', files.state],
    'spool list': ['spool', 'list', '--state-directory', files.state],
    'spool of no such': ['spool', 'list', '--sink', FORGED, '--state-directory', files.state],
    check: ['check', '--config', files.config],
    'check of nonsense': ['check', '--config', files.wrong],
    'check of no file': ['check', '--config', files.absent],
    config: ['config', '--config', files.config],
    'config as JSON': ['config', '--json', '--config', files.config],
    'query as table': queryFor('table', HOSTILE),
    'query as NDJSON': queryFor('ndjson', HOSTILE),
    'query as CSV': queryFor('csv', `=${HOSTILE}`),
    'query that is wrong': ['query', `'${HOSTILE}' | selec ${HOSTILE}`, '--store', join(files.state, 'logservice')],
    'query of no store': ['query', '--store', files.absent],
    analyse: ['analyse', 'refused', '--store', join(files.state, 'logservice')],
    'analyse of no such': ['analyse', FORGED],
    'analyse of no store': ['analyse', 'refused', '--store', files.absent],
    'analyse with no such': ['analyse', 'refused', '--set', `${FORGED}=1`],
    observe: ['observe', '--last', '1h', '--store', join(files.state, 'logservice')],
    'observe as text': ['observe', '--last', '1h', '-o', 'text', '--store', join(files.state, 'logservice')],
    'observe of nonsense': ['observe', `${HOSTILE}:(`],
    'observe of no such field': ['observe', '--host', FORGED],
    'observe of no agent': ['observe', '-f', '--state-directory', files.absent],
    findings: ['findings', '--store', join(files.state, 'logservice')],
    'findings of no such': ['findings', 'show', FORGED, '--store', join(files.state, 'logservice')],
    'findings of no such rule': ['findings', '--rule', FORGED, '--store', join(files.state, 'logservice')],
    'findings of no store': ['findings', '--store', files.absent],
    'findings that are suppressed': [
      'findings',
      'suppress',
      '--peer',
      FORGED,
      '--store',
      join(files.state, 'logservice'),
    ],
    debug: ['debug', '-i', HOSTILE, '--duration', '1s', '--window', '1s'],
    'debug as NDJSON': ['debug', '-i', HOSTILE, '--duration', '1s', '--window', '1s', '--format', 'ndjson'],
    'debug as JSON': ['debug', '-i', HOSTILE, '--duration', '1s', '--window', '1s', '--json'],
    'debug of no such': ['debug', '-i', `x${HOSTILE}`],
    'debug of no program': ['debug', '--', FORGED],
    'replay as table': ['replay', files.capture, '--format', 'table'],
    'replay as text': ['replay', files.capture, '--format', 'text'],
    'replay of nonsense': ['replay', files.noCapture],
    'replay into nowhere': ['replay', files.capture, '--output', join(files.absent, 'x')],
    explain: ['explain', files.capture, '--packet', '1'],
    'explain as JSON': ['explain', files.capture, '--packet', '1', '--json'],
    'explain of no such': ['explain', files.capture, '--packet', '99'],
    'logservice into a file': ['logservice', '--store', join(files.config, 'x')],
    'run beside an agent': ['run', '--config', files.config],
    'help of no such': ['help', FORGED],
  });

  test('is looked for in every command', () => {
    const tried = new Set(Object.values(commands()).map(([name]) => name));
    expect([...COMMANDS.keys()].filter((name) => !tried.has(name))).toEqual([]);
  });

  test('acts nowhere on a pipe, and forges no line', async () => {
    await each(Object.keys(commands()), async (what) => {
      const { stdout, stderr } = await onPipe(commands()[what]!);
      expect({ what, acting: acting(stdout + stderr) }).toEqual({ what, acting: [] });
      expect(stdout + stderr, what).not.toMatch(/^flowlogd: all is well/m);
    });
  });

  test('acts nowhere on a terminal, beside sequences of our own', async () => {
    await each(
      ['status', 'debug', 'query as table', 'flow-logs list', 'replay as table', 'check of no file'],
      async (what) => {
        const { stdout } = await onTerminal(commands()[what]!);
        expect({ what, acting: acting(stdout) }).toEqual({ what, acting: [] });
        expect(stdout.length, what).toBeGreaterThan(0);
      },
    );
  });

  test('is legible where it is a name', async () => {
    const all = commands();
    for (const what of ['interfaces', 'status', 'flow-logs list', 'check', 'query as table', 'debug']) {
      const { stdout, stderr } = await onPipe(all[what]!);
      expect(stdout + stderr, what).toContain(SHOWN);
    }
    expect((await onPipe(all['query as CSV']!)).stdout).toBe(`a\r\n"'=${SHOWN}"\r\n`);
    const { stdout } = await onPipe(all['query as NDJSON']!);
    expect(JSON.parse(stdout)).toEqual({ a: HOSTILE });
    const interfaces = JSON.parse((await onPipe(all['interfaces as JSON']!)).stdout) as readonly { name: string }[];
    expect(interfaces.map(({ name }) => name)).toContain(HOSTILE);
  });

  test('acts nowhere in what the agent logs', () => {
    expect(acting(agent.stderr)).toEqual([]);
    expect(agent.stderr).toContain('\\u202e');
  });

  test('acts nowhere in records that are written into files', async () => {
    const path = join(folder, 'records');
    const words = ['debug', '-i', HOSTILE, '--duration', '1s', '--window', '1s', '--html', path];
    await onPipe(words);
    expect(acting(readFileSync(path, 'utf8'))).toEqual([]);
    expect(readFileSync(path, 'utf8')).toContain(SHOWN);
  });
});

function writeFiles(folder: string) {
  const files = {
    config: join(folder, 'flowlogd.yaml'),
    wrong: join(folder, 'wrong.yaml'),
    capture: join(folder, 'a.pcap'),
    noCapture: join(folder, 'no.pcap'),
    state: join(folder, 'state'),
    absent: join(folder, FORGED),
  };
  const flowLog = {
    name: HOSTILE,
    description: FORGED,
    tags: [`${HOSTILE}=${HOSTILE}`],
    interfaces: [HOSTILE],
    windowSeconds: 1,
  };
  const configuration = { stateDirectory: files.state, flowLogs: [flowLog], log: { level: 'debug' } };
  writeFileSync(files.config, JSON.stringify(configuration), { mode: 0o600 });
  writeFileSync(
    files.wrong,
    `"${HOSTILE.replaceAll('\u001b', '\\e')}": 1\nhostId: "${HOSTILE.replaceAll('\u001b', '\\e')}\\nflowlogd: all is well"\n`,
    { mode: 0o600 },
  );
  const datagram = udp({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(4));
  const frame = ethernet({}, ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp }, datagram));
  writeFileSync(files.capture, pcapFile([{ seconds: 60, bytes: frame }]));
  writeFileSync(files.noCapture, HOSTILE);
  return files;
}
