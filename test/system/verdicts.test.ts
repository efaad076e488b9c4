import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { startCommand } from '../support/command.ts';
import { LogServiceProcess, type StoredLog } from '../support/log-service-process.ts';
import { commandMissing, NetworkNamespace } from '../support/network-namespace.ts';
import { LOG_SERVICE_PORT } from '../support/observation.ts';
import { ethernet, icmpEcho, ipv4, PROTOCOL, udp } from '../support/packet-builder.ts';
import { flowOf, isFlow, ledgerSum } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('nft');
const iptablesMissing = missing ?? commandMissing('iptables');
const setprivMissing = missing ?? commandMissing('setpriv');
for (const reason of new Set([missing, iptablesMissing, setprivMissing])) {
  if (reason !== undefined) process.stderr.write(`verdicts: ${reason}\n`);
}

const GROUP = 5;
const PEER = '10.9.0.2';
const OBSERVED = '10.9.0.1';
const BEYOND = '10.8.0.2';
const MACS = { destination: Uint8Array.of(2, 0, 0, 0, 0, 10), source: Uint8Array.of(2, 0, 0, 0, 0, 11) };
const UDP_HEADERS = 28;

const FIELDS = 'fields: [eni, reject-rule]';
const REJECTS = `rejects: { nflog: ${GROUP} }`;
const flowLog = (name: string, more = REJECTS) =>
  `{ interfaces: [${name}], interfaceId: eni-${name}, windowSeconds: 2, ${FIELDS}, ${more} }`;

interface Datagram {
  readonly to?: string;
  readonly port: number;
  readonly bytes: number;
}

/** A frame that the observed host's stack takes: addressed to it, checksums in order. */
function datagram({ to = OBSERVED, port, bytes }: Datagram): Uint8Array {
  const payload = udp({ sourcePort: 40_000, destinationPort: port }, new Uint8Array(bytes));
  return ethernet(MACS, ipv4({ source: PEER, destination: to, protocol: PROTOCOL.udp }, payload));
}

function ping(sequence: number): Uint8Array {
  const message = icmpEcho(8, sequence);
  const view = new DataView(message.buffer, message.byteOffset);
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) sum += view.getUint16(at);
  view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
  return ethernet(MACS, ipv4({ source: PEER, destination: OBSERVED, protocol: PROTOCOL.icmp }, message));
}

/** Sends datagrams of three bytes to the peer; a filter that drops them tells the sender so, which does not matter here. */
const SENDER = `
  const socket = require('node:dgram').createSocket('udp4');
  const [count, port] = process.argv.slice(1).map(Number);
  socket.bind(41000, () => {
    let sent = 0;
    const next = () => (sent++ === count ? socket.close() : socket.send('abc', port, '${PEER}', next));
    next();
  });
`;

const times = <Thing>(count: number, make: (index: number) => Thing) =>
  Array.from({ length: count }, (_, index) => make(index));

/** `flow action rule packets bytes`, added up over windows, in order. */
function verdictLines(logs: readonly StoredLog[]): string[] {
  const sums = new Map<string, { packets: number; bytes: number }>();
  for (const log of logs.filter(isFlow)) {
    const key = `${flowOf(log)} ${log['action']} ${log['reject-rule'] ?? '-'}`;
    const sum = sums.get(key) ?? { packets: 0, bytes: 0 };
    sums.set(key, sum);
    sum.packets += Number(log['packets']);
    sum.bytes += Number(log['bytes']);
  }
  return [...sums].map(([key, { packets, bytes }]) => `${key} ${packets} ${bytes}`).sort();
}

describe.skipIf(missing !== undefined)('verdicts of the packet filter', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let service: LogServiceProcess;
  let folder: string;

  beforeEach(async () => {
    hosts = new TwoHosts();
    folder = temporaryFolder();
    service = new LogServiceProcess({
      namespace: hosts.observed,
      folder: join(folder, 'store'),
      port: LOG_SERVICE_PORT,
    });
    await service.start();
  });
  afterEach(async () => {
    await service.stop();
    hosts.remove();
  });

  const agentOf = (flowLogs = `[${flowLog('obs0')}]`, through?: readonly string[]) =>
    new AgentProcess({
      namespace: hosts.observed,
      folder,
      service,
      windowSeconds: 2,
      flowLogs,
      ...(through && { through }),
    });
  const rules = (...lines: string[]) => hosts.observed.run('nft', lines.join('\n'));
  const filterRules = (hook: 'input' | 'output', ...lines: string[]) =>
    rules(
      'add table inet f',
      `add chain inet f c { type filter hook ${hook} priority 0; }`,
      ...lines.map((line) => `add rule inet f c ${line}`),
    );
  const sendToPeer = (count: number, port: number) =>
    hosts.observed.run(process.execPath, '-e', SENDER, String(count), String(port));

  /** What was sent last may wait in the kernel for a tenth of a second. */
  async function collect(agent: AgentProcess): Promise<StoredLog[]> {
    await sleep(250);
    expect((await agent.stop()).code).toBe(0);
    const logs = await service.query();
    for (const field of ['ledger-rejects-unmatched-packets', 'ledger-rejects-lost-packets']) {
      expect(ledgerSum(logs, field)).toBe(0);
    }
    return logs;
  }

  test('stateless: a ping that may come in and whose answer may not leave is one ACCEPT and one REJECT record', async () => {
    filterRules('output', `icmp type echo-reply log prefix "deny-ping " group ${GROUP} drop`);
    const agent = agentOf();
    await agent.start();
    hosts.send(times(3, ping));
    const logs = await collect(agent);
    expect(verdictLines(logs)).toEqual([
      `${OBSERVED} ${PEER} 0 0 1 REJECT deny-ping 3 84`,
      `${PEER} ${OBSERVED} 0 0 1 ACCEPT - 3 84`,
    ]);
    expect(ledgerSum(logs, 'ledger-rejected-packets')).toBe(3);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(6);
  });

  test('stateful: the answer to a ping that may come in may leave, what the host begins may not', async () => {
    filterRules(
      'output',
      'ct state established accept',
      `oifname "obs0" log prefix "deny-new" group ${GROUP} queue-threshold 1 reject`,
    );
    const agent = agentOf();
    await agent.start();
    hosts.send(times(3, ping));
    sendToPeer(4, 7000);
    expect(verdictLines(await collect(agent))).toEqual([
      `${OBSERVED} ${PEER} 0 0 1 ACCEPT - 3 84`,
      `${OBSERVED} ${PEER} 41000 7000 17 REJECT deny-new 4 ${4 * (UDP_HEADERS + 3)}`,
      `${PEER} ${OBSERVED} 0 0 1 ACCEPT - 3 84`,
    ]);
  });

  test('are shown by a debug run', async () => {
    filterRules('input', `udp dport 7001 log prefix "acl=7" group ${GROUP} drop`);
    const words = ['debug', '-i', 'obs0', '--rejects', String(GROUP), '--window', '1s', '--duration', '30s'];
    const fields = 'srcaddr dstport action reject-rule packets';
    const run = startCommand([...words, '--fields', fields], { namespace: hosts.observed });
    await run.until(({ stderr }) => stderr.includes('obs0'));
    hosts.send([...times(3, () => datagram({ port: 7001, bytes: 20 })), datagram({ port: 7002, bytes: 20 })]);
    await run.until(({ stdout }) => stdout.includes(' 7002 '));
    const { code, stdout } = await run.stop('SIGINT');
    expect(code).toBe(0);
    expect(stdout).toContain(`${PEER} 7001 REJECT acl=7 3\n`);
    expect(stdout).toContain(`${PEER} 7002 ACCEPT - 1\n`);
    expect(stdout).not.toContain('7001 ACCEPT');
  });

  test('are shown with their rule by the table of a debug run, and by its JSON', async () => {
    filterRules('input', `udp dport 7001 log prefix "acl=7" group ${GROUP} drop`);
    const words = ['debug', '-i', 'obs0', '--rejects', String(GROUP), '--duration', '30s'];
    const run = async (...format: string[]) => {
      const running = startCommand([...words, ...format], { namespace: hosts.observed });
      await running.until(({ stderr }) => stderr.includes('obs0'));
      hosts.send([...times(3, () => datagram({ port: 7001, bytes: 20 })), datagram({ port: 7002, bytes: 20 })]);
      await running.until(({ stdout }) => stdout.includes('7002'));
      return (await running.stop('SIGINT')).stdout.trimEnd().split('\n');
    };
    const rows = (await run('--format', 'table', '--window', '1s')).map((line) => line.split(/ {2,}/));
    const peer = rows.findLast(([, , destination]) => destination === `${OBSERVED}:7001`);
    expect(rows.findLast(([title]) => title === 'proto')?.slice(0, 5)).toEqual([
      'proto',
      'source',
      'destination',
      'action',
      'rule',
    ]);
    expect(peer?.slice(3, 5)).toEqual(['REJECT', 'acl=7']);
    const { flows } = JSON.parse((await run('--json')).at(-1)!) as { flows: Record<string, unknown>[] };
    const verdicts = flows.map(({ dstport, action, reject_rule }) => [dstport, action, reject_rule]);
    expect(verdicts).toContainEqual([7001, 'REJECT', 'acl=7']);
    expect(verdicts).toContainEqual([7002, 'ACCEPT', null]);
  });

  test('counts a packet once that the tap saw and the filter dropped, also over a kill', async () => {
    rules(
      'add table inet f',
      'add chain inet f i { type filter hook input priority 0; }',
      `add rule inet f i udp dport 9999 log prefix "deny-9999" group ${GROUP} drop`,
      `add rule inet f i udp sport 40000 meta random < 2147483648 log prefix "half" group ${GROUP} drop`,
      'add chain inet f o { type filter hook output priority 0; }',
      'add rule inet f o icmp type destination-unreachable drop',
    );
    const agent = agentOf();
    await agent.start();
    for (let burst = 0; burst < 24; burst++) {
      if (burst === 15) {
        await sleep(700);
        await agent.stop('SIGKILL');
        await agent.start();
      }
      const frames = [{ port: 9999, bytes: burst }, ...times(2, () => ({ port: 5000, bytes: 1000 }))].map(datagram);
      hosts.send(times(150, (index) => frames[index % 3]!));
      await sleep(100);
    }
    const logs = await collect(agent);
    const bytes = times(24, (burst) => 50 * (UDP_HEADERS + burst)).reduce((sum, each) => sum + each);
    const lines = verdictLines(logs);
    expect(lines.filter((line) => line.includes(' 9999 '))).toEqual([
      `${PEER} ${OBSERVED} 40000 9999 17 REJECT deny-9999 1200 ${bytes}`,
    ]);
    const halves = lines.filter((line) => line.includes(' 5000 ')).map((line) => line.split(' ').slice(5));
    expect(halves.map(([action, rule]) => [action, rule])).toEqual([
      ['ACCEPT', '-'],
      ['REJECT', 'half'],
    ]);
    expect(halves.reduce((sum, [, , packets]) => sum + Number(packets), 0)).toBe(2400);
    expect(halves.reduce((sum, [, , , size]) => sum + Number(size), 0)).toBe(2400 * 1028);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(3600);
    expect(ledgerSum(logs, 'ledger-rejected-packets')).toBe(1200 + Number(halves[1]![2]));
  });

  test('of a gateway: what may not pass is rejected where it came in and where it would have gone out', async () => {
    const beyond = new NetworkNamespace();
    const { observed } = hosts;
    observed.ip('link', 'add', 'obs1', 'type', 'veth', 'peer', 'name', 'far0', 'netns', beyond.name);
    observed.ip('address', 'add', '10.8.0.1/24', 'dev', 'obs1');
    observed.ip('link', 'set', 'obs1', 'up');
    observed.ip('neighbour', 'replace', BEYOND, 'lladdr', '02:00:00:00:00:0c', 'nud', 'permanent', 'dev', 'obs1');
    beyond.ip('link', 'set', 'far0', 'up');
    observed.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    rules(
      'add table inet f',
      'add chain inet f f { type filter hook forward priority 0; }',
      `add rule inet f f udp dport 9998 log prefix "deny-9998" group ${GROUP} drop`,
    );
    const agent = agentOf(`[${flowLog('obs0')}, ${flowLog('obs1')}]`);
    const running = await agent.start();
    await running.until(({ stderr }) => stderr.split('"capturing"').length > 2);
    hosts.send([
      ...times(40, () => datagram({ to: BEYOND, port: 9998, bytes: 10 })),
      ...times(30, () => datagram({ to: BEYOND, port: 9997, bytes: 10 })),
    ]);
    const logs = await collect(agent);
    beyond.remove();
    for (const interfaceId of ['eni-obs0', 'eni-obs1']) {
      const own = logs.filter((log) => log['interface-id'] === interfaceId);
      expect(verdictLines(own)).toEqual([
        `${PEER} ${BEYOND} 40000 9997 17 ACCEPT - 30 ${30 * 38}`,
        `${PEER} ${BEYOND} 40000 9998 17 REJECT deny-9998 40 ${40 * 38}`,
      ]);
      expect(ledgerSum(own, 'ledger-metered-packets')).toBe(70);
    }
  });

  test('come from the hooks of a device, too', async () => {
    rules(
      'add table netdev d',
      'add chain netdev d i { type filter hook ingress device "obs0" priority 0; }',
      `add rule netdev d i udp dport 7778 log prefix "in" group ${GROUP} drop`,
      'add chain netdev d e { type filter hook egress device "obs0" priority 0; }',
      `add rule netdev d e udp dport 7777 log prefix "out" group ${GROUP} drop`,
    );
    const agent = agentOf();
    await agent.start();
    hosts.send(times(20, () => datagram({ port: 7778, bytes: 2000 - UDP_HEADERS - 600 })));
    sendToPeer(6, 7777);
    expect(verdictLines(await collect(agent))).toEqual([
      `${OBSERVED} ${PEER} 41000 7777 17 REJECT out 6 ${6 * (UDP_HEADERS + 3)}`,
      `${PEER} ${OBSERVED} 40000 7778 17 REJECT in 20 ${20 * 1400}`,
    ]);
  });

  test.skipIf(iptablesMissing !== undefined)('come from iptables, too', async () => {
    const { observed } = hosts;
    const udp9996 = ['-A', 'INPUT', '-p', 'udp', '--dport', '9996', '-j'];
    observed.run('iptables', ...udp9996, 'NFLOG', '--nflog-group', String(GROUP), '--nflog-prefix', 'deny by iptables');
    observed.run('iptables', ...udp9996, 'DROP');
    const agent = agentOf();
    await agent.start();
    hosts.send(times(12, () => datagram({ port: 9996, bytes: 2 })));
    expect(verdictLines(await collect(agent))).toEqual([
      `${PEER} ${OBSERVED} 40000 9996 17 REJECT deny by iptables 12 360`,
    ]);
  });

  test('decide what is shipped, and nothing of what is counted', async () => {
    filterRules('input', `udp dport 9999 log prefix "deny" group ${GROUP} drop`, 'udp dport 9990 drop');
    const agent = agentOf(`[${flowLog('obs0', `${REJECTS}, trafficType: REJECT`)}]`);
    await agent.start();
    hosts.send(times(10, (index) => datagram({ port: 9990 + 9 * (index % 2), bytes: 2 })));
    const logs = await collect(agent);
    expect(verdictLines(logs)).toEqual([`${PEER} ${OBSERVED} 40000 9999 17 REJECT deny 5 150`]);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(10);
  });

  test('are known by number under a flood, those that were lost among them', async () => {
    filterRules('input', `udp sport 40000 log prefix "flood" group ${GROUP} drop`);
    const agent = agentOf();
    await agent.start();
    const frames = times(500, (index) => datagram({ port: index, bytes: 10 }));
    for (let burst = 0; burst < 4; burst++) hosts.send(times(30_000, (index) => frames[index % 500]!));
    // What was lost is known from the number of the next that is not.
    await sleep(500);
    hosts.send(frames.slice(0, 1));
    expect((await agent.stop()).code).toBe(0);
    const logs = await service.query();
    const sum = (...names: string[]) => names.reduce((all, name) => all + ledgerSum(logs, `ledger-${name}-packets`), 0);
    const sent = 4 * 30_000 + 1;
    expect(sum('metered', 'dropped-by-kernel')).toBe(sent);
    expect(sum('rejected', 'rejects-unmatched', 'rejects-lost')).toBe(sent);
  });

  test.skipIf(setprivMissing !== undefined)('need CAP_NET_ADMIN, and one sentence says so', async () => {
    const agent = agentOf(undefined, ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']);
    const { code, stdout, stderr } = await agent.launch().ended;
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    const last = stderr.trim().split('\n').at(-1);
    expect(last).toMatch(/^flowlogd: .*nflog:5 needs CAP_NET_ADMIN.*sudo setcap cap_net_raw,cap_net_admin\+ep/);
  });

  test('need a group that nobody else listens to, and one sentence says so', async () => {
    const first = agentOf();
    await first.start();
    const elsewhere = temporaryFolder();
    const options = { namespace: hosts.observed, folder: elsewhere, service, windowSeconds: 2 };
    const second = new AgentProcess({ ...options, flowLogs: `[${flowLog('lo')}]` });
    const { code, stderr } = await second.launch().ended;
    expect(code).toBe(69);
    expect(stderr).toMatch(/another program has the group: end that one \(ulogd, tcpdump\), or choose another group/);
    expect((await first.stop()).code).toBe(0);
  });
});
