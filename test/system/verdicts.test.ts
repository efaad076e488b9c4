import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { LogServiceProcess, type StoredLog } from '../support/log-service-process.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { LOG_SERVICE_PORT } from '../support/observed-host.ts';
import { ethernet, icmpEcho, ipv4, PROTOCOL, udp } from '../support/packet-builder.ts';
import { flowOf, isFlow, ledgerSum } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('nft');
if (missing !== undefined) process.stderr.write(`verdicts: ${missing}\n`);

const GROUP = 5;
const PEER = '10.9.0.2';
const OBSERVED = '10.9.0.1';
const MACS = { destination: Uint8Array.of(2, 0, 0, 0, 0, 10), source: Uint8Array.of(2, 0, 0, 0, 0, 11) };
const UDP_HEADERS = 28;

/** A datagram that the observed host's stack takes: its own addresses, checksums in order. */
function datagram(destinationPort: number, bytes: number): Uint8Array {
  const payload = udp({ sourcePort: 40_000, destinationPort }, new Uint8Array(bytes));
  return ethernet(MACS, ipv4({ source: PEER, destination: OBSERVED, protocol: PROTOCOL.udp }, payload));
}

function ping(sequence: number): Uint8Array {
  const message = icmpEcho(8, sequence);
  const view = new DataView(message.buffer, message.byteOffset);
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) sum += view.getUint16(at);
  view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
  return ethernet(MACS, ipv4({ source: PEER, destination: OBSERVED, protocol: PROTOCOL.icmp }, message));
}

const times = <Thing>(count: number, make: (index: number) => Thing) =>
  Array.from({ length: count }, (_, index) => make(index));

/** `flow action packets bytes`, added up over windows, in order. */
function verdictLines(logs: readonly StoredLog[]): string[] {
  const sums = new Map<string, { packets: number; bytes: number }>();
  for (const log of logs.filter(isFlow)) {
    const key = `${flowOf(log)} ${log['action']}${log['reject-rule'] === undefined ? '' : ` ${log['reject-rule']}`}`;
    const sum = sums.get(key) ?? { packets: 0, bytes: 0 };
    sums.set(key, sum);
    sum.packets += Number(log['packets']);
    sum.bytes += Number(log['bytes']);
  }
  return [...sums].map(([key, { packets, bytes }]) => `${key} ${packets} ${bytes}`).sort();
}

describe.skipIf(missing !== undefined)('verdicts of the packet filter', { timeout: 60_000 }, () => {
  let hosts: TwoHosts;
  let service: LogServiceProcess;
  let agent: AgentProcess;

  beforeEach(async () => {
    hosts = new TwoHosts();
    const folder = temporaryFolder();
    const namespace = hosts.observed;
    service = new LogServiceProcess({ namespace, folder: join(folder, 'store'), port: LOG_SERVICE_PORT });
    await service.start();
    agent = new AgentProcess({
      namespace,
      folder,
      service,
      windowSeconds: 2,
      flowLogs: `[{ interfaces: [obs0], interfaceId: eni-test, windowSeconds: 2, rejects: { nflog: ${GROUP} } }]`,
    });
  });
  afterEach(async () => {
    await service.stop();
    hosts.remove();
  });

  const rules = (...lines: string[]) => hosts.observed.run('nft', lines.join('\n'));

  async function collect(): Promise<StoredLog[]> {
    expect((await agent.stop()).code).toBe(0);
    return service.query();
  }

  test('make one ACCEPT and one REJECT record of a ping whose answer may not leave', async () => {
    rules(
      'add table inet f',
      'add chain inet f o { type filter hook output priority 0; }',
      `add rule inet f o icmp type echo-reply log prefix "deny-ping " group ${GROUP} drop`,
    );
    await agent.start();
    hosts.send(times(3, ping));
    await sleep(100);
    const logs = await collect();
    expect(verdictLines(logs)).toEqual([
      `${OBSERVED} ${PEER} 0 0 1 REJECT 3 84`,
      `${PEER} ${OBSERVED} 0 0 1 ACCEPT 3 84`,
    ]);
    expect(ledgerSum(logs, 'ledger-rejected-packets')).toBe(3);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(6);
  });

  test('count a packet once that the tap saw and the filter dropped, window by window', async () => {
    rules(
      'add table inet f',
      'add chain inet f i { type filter hook input priority 0; }',
      `add rule inet f i udp dport 9999 log prefix "deny-9999" group ${GROUP} drop`,
      `add rule inet f i udp sport 40000 meta random < 2147483648 log prefix "half" group ${GROUP} drop`,
      'add chain inet f o { type filter hook output priority 0; }',
      'add rule inet f o icmp type destination-unreachable drop',
    );
    await agent.start();
    for (let burst = 0; burst < 25; burst++) {
      hosts.send([...times(100, () => datagram(9999, burst)), ...times(60, () => datagram(5000, 1000))]);
      await sleep(100);
    }
    const logs = await collect();
    const bytes = times(25, (burst) => 100 * (UDP_HEADERS + burst)).reduce((sum, each) => sum + each);
    const lines = verdictLines(logs);
    expect(lines.filter((line) => line.includes(' 9999 '))).toEqual([
      `${PEER} ${OBSERVED} 40000 9999 17 REJECT 2500 ${bytes}`,
    ]);
    const halves = lines.filter((line) => line.includes(' 5000 ')).map((line) => line.split(' ').slice(5));
    expect(halves.map(([action]) => action)).toEqual(['ACCEPT', 'REJECT']);
    expect(halves.reduce((sum, [, packets]) => sum + Number(packets), 0)).toBe(1500);
    expect(halves.reduce((sum, [, , size]) => sum + Number(size), 0)).toBe(1500 * 1028);
    expect(ledgerSum(logs, 'ledger-rejects-unmatched-packets')).toBe(0);
    expect(ledgerSum(logs, 'ledger-rejects-lost-packets')).toBe(0);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(4000);
    expect(logs.map((log) => log['log-status']).filter((status) => status === 'SKIPDATA')).toEqual([]);
  });
});
