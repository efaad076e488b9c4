import { existsSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import type { LedgerStatus } from '../../agent/telemetry/ledger-sum.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { runInProcess } from '../support/in-process.ts';
import { ObservedHost, totalPackets } from '../support/observed-host.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { Burst } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`status: ${missing}\n`);

const WINDOW_SECONDS = 1;
const METRICS_PORT = 9753;

/** Code and text of `/health` over the control socket. */
function health(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: '/health', agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(`${response.statusCode} ${body}`));
    });
    asking.on('error', reject);
    asking.end();
  });
}

async function statusOf(stateFolder: string): Promise<AgentStatus> {
  const { code, stdout, stderr } = await runInProcess(['status', '--state-directory', stateFolder, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as AgentStatus;
}

/** Starts the agent and waits until it can be asked, which is a moment after it captures; answers its first status. */
async function startAsked(agent: AgentProcess): Promise<AgentStatus> {
  await agent.start();
  return agent.untilStatus();
}

/** The first row of the table with this title, by the names of its columns. */
function tableAt(text: string, title: string): Readonly<Record<string, string>> {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith(`${title} `));
  const cells = (line = '') => line.trim().split(/ {2,}/);
  const row = cells(lines[at + 1]);
  return Object.fromEntries(cells(lines[at]).map((name, index) => [name, row[index] ?? '']));
}

function rightSide(ledger: LedgerStatus): number {
  const { metered, excluded, notIp, malformed, overflowed, droppedByKernel, droppedByInterface } = ledger;
  const tallies = [metered, notIp, malformed, overflowed, ...Object.values(excluded)];
  return tallies.reduce((sum, { packets }) => sum + packets, droppedByKernel + droppedByInterface);
}

describe.skipIf(missing !== undefined)('the status of a running agent', { timeout: 180_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
  });
  afterEach(() => host.hosts.remove());

  /** Waits until as many packets are in closed windows; the test's own timeout bounds it. */
  async function untilMetered(agent: AgentProcess, packets: number): Promise<AgentStatus> {
    await agent.untilStatus(({ interfaces }) => interfaces[0]!.ledger.metered.packets >= packets);
    return statusOf(agent.stateFolder);
  }

  test('says before the first window ends what came, and that records go to the embedded log service', async () => {
    const folder = temporaryFolder();
    const [config, state] = [join(folder, 'flowlogd.yaml'), join(folder, 'state')];
    const flowLogs = [{ name: 'web', interfaces: ['obs0'], windowSeconds: 600 }];
    writeFileSync(config, JSON.stringify({ stateDirectory: state, flowLogs }));
    // Both have the same port by default.
    await host.service.stop();
    const agent = startCommand(['run', '--config', config], { namespace: host.hosts.observed });
    await agent.until(({ stderr }) => stderr.includes('"capturing"'));
    host.sendBurst();
    const sent = host.sent[0]!.burst.frames.length;
    await expect.poll(() => existsSync(join(state, 'control.sock'))).toBe(true);
    const openPackets = async () => (await statusOf(state)).interfaces[0]!.live.openPackets;
    await expect.poll(openPackets).toBeGreaterThanOrEqual(sent);

    const { stdout } = await runCommand(['status', '--state-directory', state]);
    const [totals, live] = ['INTERFACE', 'LIVE'].map((title) => tableAt(stdout, title));
    expect(totals).toMatchObject({ OFFERED: '0', 'NON-IP/MALFORMED': '0', RECORDS: '0' });
    expect(stdout).toContain('\nTotals of closed windows; open windows are under LIVE.\n');
    expect(live).toMatchObject({ PACKETS: String(sent), 'TABLE USE': '0 %' });
    const embedded = `embedded log service in ${join(state, 'logservice')}`;
    expect(stdout).toMatch(new RegExp(`^Exporter .* to ${embedded}$`, 'm'));
    const described = await runCommand(['flow-logs', 'describe', 'web', '--state-directory', state]);
    expect(described.stdout).toMatch(new RegExp(`^Storage +${embedded}$`, 'm'));
    expect((await agent.stop()).code).toBe(0);
  });

  test('is noticed by a debug run, which says so and gives way', async () => {
    const { agent, hosts } = host;
    await startAsked(agent);
    const running = startCommand(['debug', '-i', 'obs0', '--duration', '1h'], {
      namespace: hosts.observed,
      env: { RUNTIME_DIRECTORY: agent.stateFolder },
    });
    await running.until(({ stderr }) => stderr.includes('Capturing on obs0'));
    expect(running.stderr).toMatch(/^flowlogd: A flowlogd daemon is running \(process \d+, on obs0\)/m);
    expect(getPriority(running.child.pid)).toBe(10);
    expect((await running.stop('SIGINT')).code).toBe(0);
    expect((await agent.stop()).code).toBe(0);
  });

  test('has the numbers that were sent, as JSON and as metrics', async () => {
    const { service, hosts } = host;
    const options = { namespace: hosts.observed, folder: temporaryFolder(), service, windowSeconds: WINDOW_SECONDS };
    const through = ['env', `FLOWLOGD_TELEMETRY_LISTEN=127.0.0.1:${METRICS_PORT}`];
    const agent = new AgentProcess({ ...options, through });
    const first = await startAsked(agent);
    for (let round = 0; round < 2; round++) {
      await host.windowBegin();
      host.sendBurst();
    }
    const kernel = hosts.counters();
    const status = await untilMetered(agent, totalPackets(host.counts));
    const { ledger, windows, lastWindows, ...one } = status.interfaces[0]!;
    expect(one).toMatchObject({
      interface: 'obs0',
      interfaceId: 'eni-test',
      state: 'capturing',
      windowSeconds: WINDOW_SECONDS,
    });
    expect(ledger.offeredPackets).toBe(kernel.rx.packets + kernel.tx.packets);
    for (const each of [ledger, ...lastWindows.map((window) => window.ledger)]) {
      expect(each.offeredPackets).toBe(rightSide(each));
    }
    const inLedger = (name: Parameters<Burst['inLedger']>[0]) =>
      host.sent.reduce((sum, { burst }) => sum + burst.inLedger(name), 0);
    expect(ledger.metered.packets).toBe(totalPackets(host.counts));
    expect(ledger.metered.bytes).toBe([...host.counts.values()].reduce((sum, { bytes }) => sum + bytes, 0));
    expect(ledger.notIp.packets).toBe(inLedger('not-ip'));
    for (const rule of ['dhcp', 'dhcpv6', 'windows-activation'] as const) {
      expect(ledger.excluded[rule]!.packets).toBe(inLedger(rule));
      const peers = ledger.excludedPeers[rule]!.peers;
      expect(peers.reduce((sum, { packets }) => sum + packets, 0)).toBe(inLedger(rule));
    }
    expect(ledger.lostPackets).toBe(0);
    expect(windows.OK).toBeGreaterThan(0);
    expect(status).toMatchObject({
      healthy: true,
      problems: [],
      dataPlane: { advancing: true },
      agent: { hostId: 'test-host' },
    });
    expect(status.agent.runId).toBe(first.agent.runId);

    const url = `http://127.0.0.1:${METRICS_PORT}/metrics`;
    const script = 'fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))';
    const metrics = hosts.observed.run(process.execPath, '-e', script, url);
    expect(metrics).toContain(`flowlogd_packets_total{interface="obs0",outcome="metered"} ${ledger.metered.packets}\n`);
    expect(metrics).toContain('flowlogd_interface_capturing{interface="obs0"} 1\n');

    const socketPath = join(agent.stateFolder, 'control.sock');
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    const human = await runCommand(['status', '--socket', socketPath]);
    expect(human.stdout).toMatch(/^flowlogd .* on test-host is healthy: pid \d+, up /);
    expect(human.stdout).toMatch(/^obs0 +capturing /m);
    expect((await agent.stop()).code).toBe(0);
    expect(existsSync(socketPath)).toBe(false);
    expect(await runCommand(['status', '--socket', socketPath])).toMatchObject({ code: 69, stdout: '' });
    await service.stop();
  });

  test('is unhealthy while the interface is gone, and healthy when it is back', async () => {
    await startAsked(host.agent);
    const socketPath = join(host.agent.stateFolder, 'control.sock');
    const until = async (pattern: RegExp) => {
      for (let last = ''; !pattern.test(last); await sleep(100)) last = await health(socketPath);
    };
    expect(await health(socketPath)).toBe('200 ok\n');
    host.hosts.cut();
    await until(/^503 interface-detached: obs0 not captured: /);
    expect((await statusOf(host.agent.stateFolder)).interfaces[0]).toMatchObject({ state: 'detached', detachments: 1 });
    host.hosts.join();
    await until(/^200 ok/);
    expect((await host.agent.stop()).code).toBe(0);
    await host.service.stop();
  });

  test('is there again after a kill, over the socket that was left behind', async () => {
    const { agent } = await startAsked(host.agent);
    await host.agent.stop('SIGKILL');
    expect(await runCommand(['status', '--state-directory', host.agent.stateFolder])).toMatchObject({ code: 69 });
    const again = await startAsked(host.agent);
    expect(again.agent.runId).not.toBe(agent.runId);
    expect((await host.agent.stop()).code).toBe(0);
    await host.service.stop();
  });
});

describe.skipIf(missing !== undefined)('the status of an agent on embedded defaults', { timeout: 180_000 }, () => {
  test('is found from the folder in which it runs', async () => {
    const hosts = new TwoHosts();
    const folder = temporaryFolder();
    const running = startCommand(['run'], { namespace: hosts.observed, folder });
    await running.until(({ stdout }) => stdout.includes('Ctrl-C'));
    const { code, stdout } = await runCommand(['status'], { folder });
    expect(code).toBe(0);
    expect(stdout).toContain(`state in ${join(folder, '.flowlogd')}`);
    expect(stdout).toMatch(/^lo +capturing /m);
    const ended = await running.stop('SIGINT');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    hosts.remove();
  });
});
