/**
 * The built agent with marked secrets, before a service that echoes all it was sent, and looked at from outside: nothing that
 * it says or writes has a secret, its files are its own, and it listens on the loopback interface alone.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CommandOptions, FLOWLOGD, type RunningCommand, runCommand, startProgram } from '../support/command.ts';
import { LineProcess, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`confidential: ${missing}\n`);

const SECRETS = {
  secretId: 'AKIDmarker0000secret0id',
  secretKey: 'KEYmarker0000secret0key',
  token: 'TOKENmarker0000secret0token',
};
const PORT = 9700;

/** Answers each upload with everything of it, and with the key, as a service may that means no good. */
const ECHO = `
  const statuses = [400, 403];
  let nth = 0;
  require('node:http').createServer((request, response) => {
    request.resume().on('end', () => {
      const all = JSON.stringify(request.rawHeaders) + ${JSON.stringify(SECRETS.secretKey)};
      response.writeHead(statuses[Math.min(nth, 1)], { 'x-cls-requestid': all, 'content-type': 'application/json' });
      response.end(JSON.stringify({ errorcode: nth === 0 ? 'InvalidContent' : 'Echo ' + all, errormessage: all }));
      nth += 1;
      console.log(JSON.stringify({ nth }));
    });
  }).listen(${PORT}, '127.0.0.1', () => console.log('{"nth":0}'));
`;

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly isFolder: boolean;
  readonly isSocket: boolean;
}

function entriesUnder(folder: string): Entry[] {
  const paths = [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)))];
  return paths.flatMap((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    // The lock is a link to nowhere.
    if (found === undefined) return [];
    return [{ path, mode: found.mode & 0o777, isFolder: found.isDirectory(), isSocket: found.isSocket() }];
  });
}

describe.skipIf(missing !== undefined)('an agent', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  beforeAll(() => {
    namespace = new NetworkNamespace();
    namespace.addPair('obs0', 'far0');
  });
  afterAll(() => namespace.remove());

  /** Without any umask: what it leaves open to others is open. */
  function start(words: readonly string[], options: CommandOptions = {}): RunningCommand {
    const line = 'umask 000; exec "$0" "$@"';
    return startProgram(['sh', '-c', line, process.execPath, FLOWLOGD, ...words], { namespace, ...options });
  }

  async function answering(command: RunningCommand, socketPath: string): Promise<void> {
    await command.until(({ stderr }) => stderr.includes('"capturing"'));
    while (statSync(socketPath, { throwIfNoEntry: false }) === undefined) await sleep(50);
  }

  test('never says or writes a secret, whatever the service answers, also at level debug', async () => {
    const folder = temporaryFolder();
    const [configPath, state] = [join(folder, 'flowlogd.yaml'), join(folder, 'state')];
    const cls = { endpoint: `http://127.0.0.1:${PORT}`, topicId: 'topic', ...SECRETS };
    const flowLogs = [{ interfaces: ['obs0'], windowSeconds: 1 }];
    const text = JSON.stringify({ stateDirectory: state, flowLogs, cls, log: { level: 'debug' } });
    writeFileSync(configPath, text, { mode: 0o600 });
    const echo = namespace.start(process.execPath, '-e', ECHO);
    onTestFinished(() => void echo.kill('SIGKILL'));
    const answers = new LineProcess<{ nth: number }>(echo);
    await answers.until((lines) => lines.length > 0);

    const agent = start(['run', '--config', configPath]);
    await answering(agent, join(state, 'control.sock'));
    namespace.sendDatagrams(20);
    await answers.until((lines) => lines.some(({ nth }) => nth >= 2));
    await agent.until(({ stderr }) => /"level":"(?:warn|error)".*403/.test(stderr));
    const said: Record<string, string> = {};
    for (const words of [['status'], ['status', '--json'], ['config'], ['check'], ['flow-logs', 'list']]) {
      const { code, stdout, stderr } = await runCommand([...words, '--config', configPath], { namespace });
      expect(code, `${words}: ${stderr}`).not.toBe(70);
      said[words.join(' ')] = stdout + stderr;
    }
    const curl = (path: string) =>
      namespace.run('curl', '-s', '--unix-socket', join(state, 'control.sock'), `http://flowlogd${path}`);
    for (const path of ['/metrics', '/health', '/status']) said[path] = curl(path);
    said['command line'] = readFileSync(`/proc/${agent.child.pid}/cmdline`, 'latin1');
    const { stdout, stderr } = await agent.stop();
    said['log'] = stdout + stderr;
    for (const { path, isFolder, isSocket } of entriesUnder(state)) {
      if (!isFolder && !isSocket) said[path] = readFileSync(path, 'latin1');
    }
    expect(said['/status']).toContain('"exporter"');
    expect(said['/status']).toContain('"sinks":[{"name":"cls"');
    expect(said['/metrics']).toMatch(/^flowlogd_exporter_state\{sink="cls",state="blocked"\} [01]$/m);
    expect(said['log']).toContain('403');
    for (const [where, words] of Object.entries(said)) {
      for (const [name, secret] of Object.entries(SECRETS))
        expect(words.includes(secret), `${name} in ${where}`).toBe(false);
    }
  });

  test('refuses a configuration with secrets that everybody can read, without repeating them', async () => {
    const configPath = join(temporaryFolder(), 'flowlogd.yaml');
    const cls = { endpoint: 'https://cls.example.net', topicId: 'topic', ...SECRETS };
    writeFileSync(configPath, JSON.stringify({ flowLogs: [{ interfaces: ['obs0'] }], cls }), { mode: 0o644 });
    const { code, stdout, stderr } = await runCommand(['run', '--config', configPath], { namespace });
    expect(code).toBe(78);
    expect(stderr).toMatch(/world-readable.*chmod 600/s);
    for (const secret of Object.values(SECRETS)) expect(stdout + stderr).not.toContain(secret);
  });

  test('keeps what it writes to itself, and listens on the loopback interface alone', async () => {
    const folder = temporaryFolder();
    const [configPath, state] = [join(folder, 'flowlogd.yaml'), join(folder, 'state')];
    const flowLogs = [{ interfaces: ['obs0'], windowSeconds: 1 }];
    writeFileSync(configPath, JSON.stringify({ stateDirectory: state, flowLogs, log: { level: 'debug' } }));
    const agent = start(['run', '--config', configPath]);
    await answering(agent, join(state, 'control.sock'));
    namespace.sendDatagrams(20);
    await agent.until(({ stderr }) => stderr.includes('deliver'));
    const entries = entriesUnder(state);
    const open = entries.filter(({ mode, isSocket }) => !isSocket && (mode & 0o077) !== 0);
    expect(open.map(({ path, mode }) => `${path} ${mode.toString(8)}`)).toEqual([]);
    expect(entries.filter(({ isSocket }) => isSocket).map(({ path, mode }) => [path, mode])).toEqual([
      [join(state, 'control.sock'), 0o660],
      [join(state, 'logservice', 'service.sock'), 0o600],
    ]);
    const listening = namespace.run('cat', '/proc/net/tcp', '/proc/net/tcp6', '/proc/net/udp', '/proc/net/udp6');
    const addresses = [...listening.matchAll(/^ *\d+: ([0-9A-F]+):[0-9A-F]+ \S+ (?:0A|07) /gm)].map(([, it]) => it);
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(address).toBe('0100007F');
    await agent.stop();
  });
});
