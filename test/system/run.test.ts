import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { startCommand, startProgram } from '../support/command.ts';
import { LogServiceProcess } from '../support/log-service-process.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { LOG_SERVICE_PORT } from '../support/observation.ts';
import { ObservedHost, totalPackets } from '../support/observed-host.ts';
import { countsOf, flowOf, isFlow, ledgerSum, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { addCount, Burst, countLines } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
const setprivMissing = missing ?? commandMissing('setpriv');
for (const reason of new Set([missing, setprivMissing])) {
  if (reason !== undefined) process.stderr.write(`run: ${reason}\n`);
}

const ETHERNET_BYTES = 14;
const WINDOW_SECONDS = 1;
const NO_STACK = /^ {4}at |this is a bug/m;

/** Sends `bytes` over TCP from one namespace to 10.9.0.2 in the other, and `bytes` back. */
const TCP_SERVER = `
  const net = require('node:net');
  const bytes = Number(process.argv[1]);
  net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end(Buffer.alloc(bytes)));
    socket.on('close', () => process.exit(0));
  }).listen(8443, '10.9.0.2', () => console.log('listening'));
`;
const TCP_CLIENT = `
  const bytes = Number(process.argv[1]);
  const socket = require('node:net').connect({ host: '10.9.0.2', port: 8443, localPort: 40001 }, () => socket.end(Buffer.alloc(bytes)));
  socket.resume();
`;

async function transfer(hosts: TwoHosts, bytes: number): Promise<void> {
  const node = (script: string) => [process.execPath, '-e', script, String(bytes)];
  const server = startProgram(node(TCP_SERVER), { namespace: hosts.peer });
  await server.until(({ stdout }) => stdout.includes('listening'));
  const client = startProgram(node(TCP_CLIENT), { namespace: hosts.observed });
  for (const end of [await client.ended, await server.ended]) expect(end).toMatchObject({ code: 0, stderr: '' });
}

describe.skipIf(missing !== undefined)('the agent with a log service', { timeout: 180_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
  });
  afterEach(() => host.hosts.remove());

  test('stores exactly what went over the interface, flow by flow and window by window', async () => {
    await host.agent.start();
    for (let round = 0; round < 3; round++) {
      await host.windowBegin();
      host.sendBurst();
      if (round === 1) await transfer(host.hosts, 300_000);
    }
    const kernel = host.hosts.counters();
    const ended = await host.agent.stop();
    expect(ended.code).toBe(0);
    const logs = await host.service.query();

    const frames = host.sent.reduce((sum, { burst }) => sum + burst.frames.length, 0);
    const frameBytes = host.sent.reduce((sum, { burst }) => sum + burst.frameBytes, 0);
    const received = { packets: kernel.rx.packets - frames, bytes: kernel.rx.bytes - frameBytes };
    const expected = host.counts;
    const bytesOf = ({ packets, bytes }: { packets: number; bytes: number }) => bytes - packets * ETHERNET_BYTES;
    expect(bytesOf(kernel.tx)).toBeGreaterThan(300_000);
    expect(bytesOf(received)).toBeGreaterThan(300_000);
    addCount(expected, '10.9.0.1 10.9.0.2 40001 8443 6', kernel.tx.packets, bytesOf(kernel.tx));
    addCount(expected, '10.9.0.2 10.9.0.1 8443 40001 6', received.packets, bytesOf(received));
    expect(countLines(countsOf(logs))).toEqual(countLines(expected));
    expect(storedTwice(logs)).toEqual([]);

    for (const log of logs) {
      expect(Number(log['start']) % WINDOW_SECONDS).toBe(0);
      expect(Number(log['end']) - Number(log['start'])).toBe(WINDOW_SECONDS);
      expect(log['interface-id']).toBe('eni-test');
    }
    const web = logs.filter((log) => isFlow(log) && log['dstport'] === 443);
    for (const [number, { windows }] of host.sent.entries()) {
      const starts = web.filter((log) => log['srcport'] === 10_000 + number).map((log) => Number(log['start']));
      expect(starts.length).toBeGreaterThan(0);
      for (const start of starts) expect(windows).toContain(start);
    }

    const inLedger = (name: Parameters<Burst['inLedger']>[0]) =>
      host.sent.reduce((sum, { burst }) => sum + burst.inLedger(name), 0);
    expect(ledgerSum(logs, 'ledger-offered-packets')).toBe(kernel.rx.packets + kernel.tx.packets);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(totalPackets(expected));
    expect(ledgerSum(logs, 'ledger-not-ip-packets')).toBe(inLedger('not-ip'));
    for (const rule of ['dhcp', 'dhcpv6', 'windows-activation'] as const) {
      expect(ledgerSum(logs, `ledger-excluded-${rule}-packets`)).toBe(inLedger(rule));
      expect(inLedger(rule)).toBeGreaterThan(0);
      const peers = await host.service.query(`excluded-rule:"${rule}"`);
      expect(peers.reduce((sum, peer) => sum + Number(peer['excluded-packets']), 0)).toBe(inLedger(rule));
    }
    await host.service.stop();
  });

  test('includes the window that SIGTERM finds open', async () => {
    await host.agent.start();
    await host.windowBegin();
    host.sendBurst();
    const ended = await host.agent.stop();
    expect(ended.code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    const logs = await host.service.query();
    expect(countLines(countsOf(logs))).toEqual(countLines(host.counts));
    await host.service.stop();
  });

  test('says NODATA for a window without traffic', async () => {
    await host.agent.start();
    const logs = await host.service.until((found) => found.length > 0, 'log-status:NODATA');
    expect(logs[0]).not.toHaveProperty('srcaddr');
    expect(Number(logs[0]!['end']) - Number(logs[0]!['start'])).toBe(WINDOW_SECONDS);
    expect((await host.agent.stop()).code).toBe(0);
    await host.service.stop();
  });

  test('refuses to run twice on one state directory', async () => {
    await host.agent.start();
    const second = await host.agent.launch().ended;
    expect(second.stderr).toMatch(/^flowlogd: flowlogd is already running in .*: process \d+, since .*\.$/m);
    expect(second.stderr).not.toMatch(NO_STACK);
    expect(second.code).toBe(69);
    await host.service.stop();
  });

  test.skipIf(setprivMissing !== undefined)('says in one sentence that it needs CAP_NET_RAW', async () => {
    const through = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'];
    const folder = temporaryFolder();
    const options = {
      namespace: host.hosts.observed,
      folder,
      service: host.service,
      windowSeconds: WINDOW_SECONDS,
      through,
    };
    const { code, stdout, stderr } = await new AgentProcess(options).launch().ended;
    expect(code).toBe(77);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^flowlogd: .*CAP_NET_RAW.*sudo setcap cap_net_raw\+ep/),
    ]);
    await host.service.stop();
  });
});

describe.skipIf(missing !== undefined)('the agent on embedded defaults', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  beforeEach(() => {
    hosts = new TwoHosts();
    hosts.observed.ip('route', 'add', 'default', 'via', '10.9.0.2');
  });
  afterEach(() => hosts.remove());

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'shows and stores the last window when %s ends it',
    async (signal) => {
      const folder = temporaryFolder();
      const running = startCommand(['run'], { namespace: hosts.observed, folder });
      await running.until(({ stdout }) => stdout.includes('Ctrl-C'));
      const welcome = running.stdout;
      expect(welcome).toMatch(/obs0 and lo/);
      expect(welcome).toMatch(/http:\/\/127\.0\.0\.1:9514/);
      expect(welcome).toContain(join(folder, '.flowlogd', 'logservice'));
      expect(welcome).toMatch(/flowlogd query '/);
      const burst = new Burst(0);
      hosts.send(burst.frames);
      const { code, stdout, stderr } = await running.stop(signal);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const tables = stdout.slice(welcome.length);
      expect(tables).toMatch(/^obs0 {2}Window /m);
      expect(tables).toMatch(/UDP\s+192\.0\.2\.1:10000\s+198\.51\.100\.2:53\s+4\s/);
      expect(hosts.observed.processes()).toEqual([]);

      const store = join(folder, '.flowlogd', 'logservice');
      const service = new LogServiceProcess({ namespace: hosts.observed, folder: store, port: LOG_SERVICE_PORT });
      await service.start();
      const logs = await service.query('srcaddr:*');
      const seen = countsOf(logs.filter((log) => !flowOf(log).startsWith('127.')));
      expect(countLines(seen)).toEqual(countLines(burst.counts));
      await service.stop();
    },
  );

  test.skipIf(setprivMissing !== undefined)('says in one sentence that it needs CAP_NET_RAW', async () => {
    const folder = temporaryFolder();
    const through = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'];
    const { code, stdout, stderr } = await startCommand(['run'], { namespace: hosts.observed, folder, through }).ended;
    expect(code).toBe(77);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^flowlogd: .*CAP_NET_RAW.*sudo setcap cap_net_raw\+ep/),
    ]);
    expect(hosts.observed.processes()).toEqual([]);
  });

  test('says which folder it cannot make for its state', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const env = { FLOWLOGD_STATE_DIRECTORY: join(folder, 'file', 'state') };
    const { code, stdout, stderr } = await startCommand(['run'], { namespace: hosts.observed, folder, env }).ended;
    expect({ code, stdout }).toEqual({ code: 73, stdout: '' });
    expect(stderr).toContain(env.FLOWLOGD_STATE_DIRECTORY);
    expect(stderr).not.toMatch(NO_STACK);
    expect(hosts.observed.processes()).toEqual([]);
  });
});
