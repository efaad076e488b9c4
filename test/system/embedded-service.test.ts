/** The log service of an agent: restarted when it dies, never taken for another, and found wherever it listens. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type CommandEnd,
  FLOWLOGD,
  type RunningCommand,
  runCommand,
  startCommand,
  startProgram,
} from '../support/command.ts';
import { runInProcess } from '../support/in-process.ts';
import { type StoredLog, storedIn, untilStoredIn } from '../support/log-service-process.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { countsOf, isFlow, ledgerSum, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { addCounts, Burst, type Counts, countLines } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('python3');
if (missing !== undefined) process.stderr.write(`embedded service: ${missing}\n`);

const PORT = 9514;

/** Takes the port as soon as it is free, says yes to whatever comes, and prints what that was. */
const IMPOSTOR = `
import socket, sys, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
print('trying', flush=True)
while True:
    try:
        listener.bind(('127.0.0.1', ${PORT}))
        listener.listen()
        break
    except OSError: time.sleep(0.001)
print('took the port', flush=True)
while True:
    peer, _ = listener.accept()
    print('was asked', peer.recv(4096).split(b'\\r\\n')[0].decode(), flush=True)
    peer.sendall(b'HTTP/1.1 200 OK\\r\\nx-cls-requestid: 1\\r\\ncontent-length: 0\\r\\n\\r\\n')
    peer.close()
`;

/** As from a shell, where no npm is around. */
const SHELL = { npm_command: '' };

describe.skipIf(missing !== undefined)('the embedded log service', { timeout: 120_000 }, () => {
  let hosts: TwoHosts;
  beforeEach(() => {
    hosts = new TwoHosts();
  });
  afterEach(() => hosts.remove());

  function configured({ folder = temporaryFolder(), windowSeconds = 1 } = {}): string {
    const path = join(folder, 'flowlogd.yaml');
    const flowLogs = `[{ interfaces: [obs0], windowSeconds: ${windowSeconds} }]`;
    writeFileSync(path, `stateDirectory: ${join(folder, 'state')}\nhostId: test-host\nflowLogs: ${flowLogs}\n`);
    return path;
  }

  const storeOf = (configPath: string) => join(configPath, '..', 'state', 'logservice');
  const run = (configPath: string) =>
    startCommand(['run', '--config', configPath], { namespace: hosts.observed, env: SHELL });
  const isReady = ({ stderr }: RunningCommand) => stderr.includes('embedded log service ready"');

  function ask(...words: string[]): Promise<CommandEnd> {
    return runCommand(words, { namespace: hosts.observed, env: SHELL });
  }

  function childOf({ child }: RunningCommand): number {
    return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
  }

  test('that is killed under traffic is restarted, while another process takes its port: each record is stored once', async () => {
    const configPath = configured();
    const store = storeOf(configPath);
    const agent = run(configPath);
    await agent.until(isReady);
    const impostor = startProgram(['python3', '-c', IMPOSTOR], { namespace: hosts.observed });
    await impostor.until(({ stdout }) => stdout.includes('trying'));
    const expected: Counts = new Map();
    for (let round = 0; round < 3; round++) {
      const burst = new Burst(round);
      hosts.send(burst.frames);
      addCounts(expected, burst.counts);
      process.kill(childOf(agent), 'SIGKILL');
      await agent.until(({ stderr }) => stderr.includes(`ready after ${round + 1} restarts`));
      if (round === 0) expect(impostor.stdout).toContain('took the port');
    }
    const kernel = hosts.counters();
    expect(await storedIn(store, '*')).toBeInstanceOf(Array);
    expect(await agent.stop()).toMatchObject({ code: 0 });
    expect(agent.stderr).toMatch(
      /"reason":"terminated by SIGKILL".*embedded log service down; batches are pending on disk/,
    );

    const service = startCommand(['logservice', '--store', store], { namespace: hosts.observed });
    await service.until(({ stdout }) => stdout.includes('ready'));
    const flows = await storedIn(store, 'srcaddr:*');
    expect(countLines(countsOf(flows.filter(isFlow)))).toEqual(countLines(expected));
    const ledgers = await storedIn(store, 'ledger-status:*');
    expect(storedTwice([...flows, ...ledgers])).toEqual([]);
    expect(ledgerSum(ledgers, 'ledger-offered-packets')).toBe(kernel.rx.packets + kernel.tx.packets);
    expect(impostor.stdout).not.toContain('was asked');
  });

  test('ends when its agent is killed', async () => {
    const agent = run(configured());
    await agent.until(isReady);
    const pid = childOf(agent);
    await agent.stop('SIGKILL');
    while (existsSync(`/proc/${pid}`)) await sleep(10);
  });

  test('says that it is down, and why, until it runs again', async () => {
    // Batches that are pending for three windows would make the agent unhealthy for another reason.
    const configPath = configured({ windowSeconds: 60 });
    const agent = run(configPath);
    await agent.until(isReady);
    const status = async () => JSON.parse((await runInProcess(['status', '--json', '--config', configPath])).stdout);
    expect((await status()).logService).toMatchObject({
      state: 'running',
      url: `http://127.0.0.1:${PORT}`,
      restarts: 0,
    });
    const text = readFileSync(join(storeOf(configPath), 'topics.json'), 'utf8');
    // It cannot start with such a file, however often it is tried.
    writeFileSync(join(storeOf(configPath), 'topics.json'), '');
    process.kill(childOf(agent), 'SIGKILL');
    await agent.until(({ stderr }) => stderr.includes('topics.json: the file is damaged'));
    let down = await status();
    while (down.logService.state !== 'down') down = await status();
    expect(down.problems.map(({ code }: { code: string }) => code)).toContain('logservice-down');
    expect(down.healthy).toBe(true);
    writeFileSync(join(storeOf(configPath), 'topics.json'), text);
    await agent.until(({ stderr }) => /ready after \d+ restarts/.test(stderr));
    expect((await status()).logService).toMatchObject({ state: 'running' });
    expect(await agent.stop()).toMatchObject({ code: 0 });
  });

  test('of two agents in one namespace, beside a program that has the port, listens where status and query find it', async () => {
    const impostor = startProgram(['python3', '-c', IMPOSTOR], { namespace: hosts.observed });
    await impostor.until(({ stdout }) => stdout.includes('took the port'));
    const paths = [configured(), configured()];
    const agents = paths.map(run);
    for (const agent of agents) await agent.until(isReady);
    const burst = new Burst(0);
    hosts.send(burst.frames);
    const urls: string[] = [];
    for (const configPath of paths) {
      const { stdout } = await ask('status', '--json', '--config', configPath);
      urls.push(JSON.parse(stdout).logService.url);
      const areAll = (logs: readonly StoredLog[]) => countsOf(logs).size >= burst.counts.size;
      const flows = await untilStoredIn(storeOf(configPath), 'srcaddr:*', areAll);
      expect(countLines(countsOf(flows))).toEqual(countLines(burst.counts));
    }
    expect(urls.toSorted()).toEqual([`http://127.0.0.1:${PORT + 1}`, `http://127.0.0.1:${PORT + 2}`]);
    for (const agent of agents) expect(await agent.stop()).toMatchObject({ code: 0 });
    expect(impostor.stdout).not.toContain('was asked');
  });

  test('has the ledger of each window, which a query finds that asks for it and no other', async () => {
    const configPath = configured();
    const store = storeOf(configPath);
    const agent = run(configPath);
    await agent.until(isReady);
    const ledgers = await untilStoredIn(store, 'ledger-status:*', (logs) => logs.length >= 2);
    const records = await storedIn(store, '');
    expect(records.length).toBeGreaterThan(0);
    expect(records.filter((log) => 'ledger-status' in log)).toEqual([]);
    const [{ rows } = { rows: 0 }] = (await storedIn(
      store,
      `end<=${ledgers[0]!['end']} | select count(*) as rows`,
    )) as {
      rows?: number;
    }[];
    const [{ sums } = { sums: 0 }] = (await storedIn(
      store,
      `ledger-status:* AND end<=${ledgers[0]!['end']} | select count("ledger-offered-packets") as sums`,
    )) as { sums?: number }[];
    expect(rows).toBe(sums);
    expect(await agent.stop()).toMatchObject({ code: 0 });
  });

  test('is among what a run logs at its start, and what it delivered at the end', async () => {
    const configPath = configured();
    const agent = run(configPath);
    await agent.until(isReady);
    const store = storeOf(configPath);
    await untilStoredIn(store, 'log-status:*', (logs) => logs.length > 0);
    const { stderr } = await agent.stop();
    const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const [started, ...others] = logged.filter(({ message }) => message === 'flowlogd started');
    expect(others).toEqual([]);
    expect(started).toMatchObject({
      level: 'info',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      configuration: configPath,
      stateDirectory: join(store, '..'),
      engine: 'ring',
      sinks: [`embedded log service in ${store}`],
      flowLogs: [expect.stringMatching(/^fl-\w{8} \(/)],
    });
    const last = logged.at(-1)!;
    expect(last).toMatchObject({ level: 'info', message: 'flowlogd stopped', batchesPending: 0, packetsLost: 0 });
    expect(last['windowsWritten']).toBeGreaterThan(0);
    expect(last['batchesDelivered']).toBe(last['windowsWritten']);
    for (const name of ['elapsedSeconds', 'stopSeconds']) expect(last[name]).toBeGreaterThanOrEqual(0);
  });

  test('names a second agent in the same folder the first one, with its process and its start', async () => {
    const configPath = configured();
    const agent = run(configPath);
    await agent.until(isReady);
    const { code, stderr } = await ask('run', '--config', configPath);
    expect(code).toBe(69);
    expect(stderr).toMatch(
      new RegExp(
        `^flowlogd: flowlogd is already running in .*/state: process ${agent.child.pid}, since \\d{4}-\\d\\d-\\d\\d \\d\\d:`,
      ),
    );
    const [, command = ''] = /Show its status \((.*?)\), stop it/.exec(stderr)!;
    const shown = await startProgram(['sh', '-c', command], { namespace: hosts.observed }).ended;
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${agent.child.pid}`) });
    expect(await agent.stop()).toMatchObject({ code: 0 });
  });

  test.each([
    ['a shell', { npm_command: '' }, /^node /],
    ['npx in a clone', { npm_command: 'exec' }, /^npx flowlogd /],
  ])('is searched by the command that run prints when %s started it', async (_, env, program) => {
    hosts.observed.ip('route', 'add', 'default', 'via', '10.9.0.2');
    // With a space, as a folder of a user may have one.
    const state = join(temporaryFolder(), 'my state');
    const around = { ...env, FLOWLOGD_STATE_DIRECTORY: state };
    const running = startCommand(['run'], { namespace: hosts.observed, folder: resolve('.'), env: around });
    await running.until(({ stdout }) => stdout.includes('Ctrl-C'));
    const [, command = ''] = /^ {2}query {8}(.*)$/m.exec(running.stdout)!;
    expect(command).toMatch(program);
    // npx links a clone once, and gives the program its right to be run only then.
    accessSync(FLOWLOGD, constants.X_OK);
    const asked = await startProgram(['sh', '-c', command], { namespace: hosts.observed, folder: resolve('.') }).ended;
    expect(asked).toMatchObject({ code: 0, stderr: expect.stringMatching(/rows?, \d+ ms/) });
    expect(await running.stop('SIGINT')).toMatchObject({ code: 0 });
  });

  test('starts, takes its records and stops where its path is longer than that of a socket may be', async () => {
    const folder = join(temporaryFolder(), 'a'.repeat(60), 'b'.repeat(60));
    mkdirSync(folder, { recursive: true });
    const configPath = configured({ folder });
    const agent = run(configPath);
    await agent.until(isReady);
    await untilStoredIn(storeOf(configPath), '*', (logs) => logs.length > 0);
    expect(await agent.stop()).toMatchObject({ code: 0 });
  });
});
