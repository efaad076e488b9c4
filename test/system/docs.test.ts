/**
 * Runs every command of the documentation: each line of each ```sh block, in the order of its page, as it stands there, but for
 * the stand-ins below. What cannot run here is listed with what is checked instead; a list entry that fits nothing fails.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { pcapFile } from '../support/capture-file.ts';
import { type CommandEnd, FLOWLOGD, type RunningCommand, startProgram } from '../support/command.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { Burst } from '../support/traffic.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`docs: ${missing}\n`);
const promtoolMissing = commandMissing('promtool');
if (missing === undefined && promtoolMissing !== undefined) process.stderr.write(`docs: promtool ${promtoolMissing}\n`);

const ROOT = new URL('../../', import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Line {
  readonly page: string;
  readonly text: string;
}

/** debug-docs.test.ts and use-cases.test.ts run those, with traffic that they show. */
const TESTED_ELSEWHERE = ['docs/debug.md', 'docs/use-cases.md'];

function linesOf(page: string): Line[] {
  const blocks = [...read(page).matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .trim()
      .split('\n'),
  );
  const texts = lines.map((line) => line.trimStart()).filter((line) => line !== '' && !line.startsWith('#'));
  return texts.map((text) => ({ page, text }));
}

const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((page) =>
  page.endsWith('.md'),
);
const lines = pages.filter((page) => !TESTED_ELSEWHERE.includes(page)).flatMap(linesOf);

interface Exception {
  readonly fits: RegExp;
  /** Why it does not run here. */
  readonly why: string;
  /** What is checked instead. */
  readonly check: (line: string) => void;
}

/** The files of this repository that a line names are there. */
function namesFiles(line: string): void {
  const paths = [...line.matchAll(/(?:^|[\s/])((?:scripts|container|systemd|monitoring)\/[\w./-]+\w)/g)].map(
    ([, path]) => path!,
  );
  expect(paths.length, line).toBeGreaterThan(0);
  for (const path of paths) expect(existsSync(join(ROOT, path)), path).toBe(true);
}

function namesScript(line: string): void {
  const [, name = ''] = /^npm (?:run )?(\S+)/.exec(line) ?? [];
  expect(Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts)).toContain(name);
  const [, bench] = /^npm run bench -- (\w+)/.exec(line) ?? [];
  if (bench !== undefined) expect(existsSync(join(ROOT, `bench/${bench}.ts`)), bench).toBe(true);
  if (line.includes('scripts/')) namesFiles(line);
}

function namesTarget(line: string): void {
  namesFiles(line);
  const [, target] = /--target (\w+)/.exec(line) ?? [];
  if (target !== undefined) expect(read('container/Dockerfile')).toMatch(new RegExp(`^FROM .* AS ${target}$`, 'm'));
}

function namesManifest(line: string): void {
  namesFiles(line);
  const [, path = ''] = /-f (\S+)/.exec(line) ?? [];
  for (const document of parseAllDocuments(read(path))) expect(document.errors).toEqual([]);
}

function namesUnit(line: string): void {
  const [, unit = ''] = /systemctl (?:enable --now|status|restart|reload|stop) (\S+)/.exec(line) ?? [];
  expect(existsSync(join(ROOT, `systemd/${unit}.service`)), unit).toBe(true);
}

const EXCEPTIONS: readonly Exception[] = [
  { fits: /^npm (?:start|test|run) /, why: 'it builds, or runs for minutes', check: namesScript },
  { fits: /^npm (?:start|test|run build)$/, why: 'it builds, or runs for minutes', check: namesScript },
  { fits: /^docker build /, why: 'it builds an image', check: namesTarget },
  { fits: /^docker compose .* up /, why: 'it needs a container engine', check: namesManifest },
  { fits: /^kubectl apply -f /, why: 'it needs a cluster', check: namesManifest },
  {
    fits: /^sudo apt-get install \.\/build\/flowlogd_/,
    why: 'scripts/test-deb.sh installs',
    check: () => expect(existsSync(join(ROOT, 'scripts/test-deb.sh'))).toBe(true),
  },
  { fits: /^(?:sudo )?systemctl /, why: 'scripts/test-systemd.sh boots a systemd', check: namesUnit },
  { fits: /^sudo editor /, why: 'it waits for a person', check: () => undefined },
  {
    fits: /^terraform -chdir=monitoring\/cls (?:init|apply)$/,
    why: 'it needs the provider and an account: test/monitoring evaluates the files',
    check: () => expect(existsSync(join(ROOT, 'monitoring/cls/main.tf'))).toBe(true),
  },
  {
    fits: /^nfcapd -b /,
    why: 'it runs until it is ended: the test of the sink has it',
    check: () => expect(existsSync(join(ROOT, 'test/system/ipfix.test.ts'))).toBe(true),
  },
  { fits: /^tccli cls DescribeIndex --TopicId /, why: 'it asks the cloud', check: () => undefined },
];

const exceptionOf = ({ text }: Line) => EXCEPTIONS.find(({ fits }) => fits.test(text.replace(/\s+#.*$/, '')));

/** What stands in a page, and what stands for it here; `%` is the sandbox. */
const STAND_INS: readonly (readonly [said: string | RegExp, here: string])[] = [
  [/^npx flowlogd /, 'flowlogd '],
  [/^docker compose .* exec \w+ \/usr\/bin\/node \/usr\/lib\/flowlogd\/dist\/agent\/main\.js /, 'flowlogd '],
  [/--store \/var\/lib\/flowlogd\/logservice/, '--store %/.flowlogd/logservice'],
  [/--store \/var\/lib\/flowlogd /, '--store %/.flowlogd/logservice '],
  ['/run/flowlogd/', '%/.flowlogd/'],
  [/(?<=[ =])\/etc\/flowlogd/, '%/etc/flowlogd'],
  ['STATE_DIRECTORY=/state', 'STATE_DIRECTORY=%/state'],
  ['--reuid flowlogd --regid flowlogd', '--reuid root --regid root'],
  [/^sudo install (?=.*\/dev\/stdin)/, 'echo typed | install '],
  ['curl -s https://example.com', 'curl -s https://10.9.0.1'],
  [/\bsudo /g, ''],
  [' monitoring/', ` ${ROOT}monitoring/`],
  [/--duration \d+m/, '--duration 1s'],
  [/flowlogd debug (?=-- )/, 'flowlogd debug -i eth0 --duration 1s '],
];

function standIn(text: string, sandbox: string): string {
  return STAND_INS.reduce((line, [said, here]) => line.replace(said, here.replace('%', sandbox)), text);
}

const CONFIGURATION = `
flowLogs:
  - { name: gateway, resourceType: NAT, interfaces: [eth0], fields: [nat, translation, initiator, tcp-flags, srcregionid, dstregionid], windowSeconds: 1 }
regions: [{ id: ap-guangzhou, networks: [10.9.0.0/16] }]
`;

/** A host with eth0, by the default route, and eth1. */
function hostNamespace(): NetworkNamespace {
  const namespace = new NetworkNamespace();
  for (const [name, address] of [
    ['eth0', '10.9.0.1/24'],
    ['eth1', '10.9.1.1/24'],
  ] as const) {
    namespace.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-far`);
    namespace.ip('address', 'add', address, 'dev', name);
    namespace.ip('link', 'set', name, 'up');
    namespace.ip('link', 'set', `${name}-far`, 'up');
  }
  namespace.ip('route', 'add', 'default', 'via', '10.9.0.2');
  namespace.ip('neighbour', 'replace', '10.9.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'eth0');
  return namespace;
}

/** A folder in which the pages' files are, a host with an agent and a log service of its own, and one without. */
class Sandbox {
  readonly namespace = hostNamespace();
  /** Where the pages start an agent: two on one host would want one port. */
  readonly #otherNamespace = hostNamespace();
  readonly folder = mkdtempSync(join(tmpdir(), 'flowlogd-docs-'));
  readonly #pidFile = join(this.folder, 'pid');
  readonly #started: RunningCommand[] = [];

  constructor() {
    const { folder } = this;
    for (const name of ['bin', 'etc/flowlogd', 'state', 'archive'])
      mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
    const start = `#!/bin/sh\necho $$ > ${this.#pidFile}\nexec ${process.execPath} ${FLOWLOGD} "$@"\n`;
    writeFileSync(join(folder, 'bin/flowlogd'), start, { mode: 0o755 });
    const capture = pcapFile(new Burst(0).frames.map((bytes) => ({ bytes, seconds: 1_700_000_000 })));
    writeFileSync(join(folder, 'capture.pcap'), capture);
    writeFileSync(join(folder, 'archive/monday.pcap.gz'), gzipSync(capture));
    const configuration = `stateDirectory: ${join(folder, '.flowlogd')}\n${CONFIGURATION}`;
    writeFileSync(join(folder, 'etc/flowlogd/flowlogd.yaml'), configuration);
    writeFileSync(join(folder, 'etc/flowlogd.yaml'), '{}\n');
  }

  get #options() {
    const { namespace, folder } = this;
    const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, STATE_DIRECTORY: join(folder, 'state/own') };
    return { namespace, folder, env, killAtEnd: false };
  }

  /** Starts the agent, and waits until its log service has records. */
  async start(): Promise<void> {
    const configPath = join(this.folder, 'etc/flowlogd/flowlogd.yaml');
    const agent = startProgram([process.execPath, FLOWLOGD, 'run', '--config', configPath], this.#options);
    this.#started.push(agent);
    await agent.until(({ stderr }) => stderr.includes('"capturing"'));
    this.namespace.sendDatagrams(20, 0, 443);
    for (let stored = '0'; !/^[1-9]/.test(stored); await sleep(100)) {
      const query = "flowlogd query 'log-status:OK | select count(*) as n' --format ndjson";
      stored = (await this.run(query)).stdout.replace(/\D/g, '');
    }
  }

  /** Runs a line to its end; one that starts an agent for good is ended once it captures, one that follows once it does. */
  async run(line: string): Promise<CommandEnd> {
    const isAgent = /flowlogd run\b/.test(line);
    const namespace = isAgent ? this.#otherNamespace : this.namespace;
    const running = startProgram(['sh', '-ec', line], { ...this.#options, namespace });
    this.#started.push(running);
    if (isAgent || line.includes('observe -f')) {
      await running.until(({ stderr }) => stderr.includes(isAgent ? '"capturing"' : 'Following flowlogd'));
      process.kill(Number(readFileSync(this.#pidFile, 'utf8')), 'SIGTERM');
    }
    return running.ended;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#started.map((each) => each.stop()));
    this.namespace.remove();
    this.#otherNamespace.remove();
    rmSync(this.folder, { recursive: true });
  }
}

describe('the commands of the documentation', () => {
  test('are found', () => {
    expect(lines.length).toBeGreaterThan(40);
    for (const page of TESTED_ELSEWHERE) expect(pages).toContain(page);
    for (const { text, page } of lines.filter(({ text }) => /flowlogd|npm/.test(text) === false)) {
      expect(`${page}: ${text}`).toMatch(
        /: (?:sudo |npx |docker|kubectl|tccli|curl|promtool|mkdir|awk|printf|head|chmod|terraform|nfcapd)/,
      );
    }
  });

  test.each(EXCEPTIONS)('that match $fits are not run, because $why; what they name is there', ({ fits, check }) => {
    const excepted = lines.filter((line) => exceptionOf(line)?.fits === fits);
    expect(excepted.length, 'lines that it is for').toBeGreaterThan(0);
    for (const { text } of excepted) check(text.replace(/\s+#.*$/, ''));
  });

  test.each(STAND_INS)('have something for which %s stands in', (said) => {
    const isSaid = ({ text }: Line) => (typeof said === 'string' ? text.includes(said) : text.search(said) >= 0);
    expect(lines.some(isSaid)).toBe(true);
  });
});

describe.skipIf(missing !== undefined)('every other command runs', { timeout: 180_000 }, () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = new Sandbox();
    await sandbox.start();
  });
  afterAll(() => sandbox.remove());

  const runnable = lines.filter((line) => exceptionOf(line) === undefined);
  test.each(runnable.map(({ page, text }) => [page, text] as const))('%s: %s', async (_, text) => {
    if (text.startsWith('promtool') && promtoolMissing !== undefined) return;
    const { code, stdout, stderr } = await sandbox.run(standIn(text, sandbox.folder));
    // What a program that is watched answers without a network is its own affair.
    if (/ debug .*-- /.test(text)) expect(stdout + stderr).toMatch(/offered +[\d,]+ packets/);
    else expect(code, stderr + stdout).toBe(0);
  });
});
