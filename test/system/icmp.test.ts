/** Type and code of ICMP in records, of messages that real kernels send: live, after a kill, out of files, and explained. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LIVE_ENGINE_NAMES, SAVEFILE_ENGINE_NAMES } from '../../agent/capture/engines.ts';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import { missingCap } from '../support/cap-missing.ts';
import { type CapturedPacket, pcapFile } from '../support/capture-file.ts';
import { runCommand } from '../support/command.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { observe } from '../support/observation.ts';
import {
  concat,
  ethernet,
  fragmentHeader,
  icmp,
  icmpEcho,
  internetChecksum,
  ipv4,
  ipv6,
  ipv6Address,
  PROTOCOL,
  udp,
} from '../support/packet-builder.ts';
import { isFlow } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
const capMissing = missing ?? missingCap();
for (const reason of new Set([missing, capMissing])) {
  if (reason !== undefined) process.stderr.write(`icmp: ${reason}\n`);
}

const MACS = { destination: Uint8Array.of(2, 0, 0, 0, 0, 10), source: Uint8Array.of(2, 0, 0, 0, 0, 11) };
const V4 = { source: '10.9.0.2', destination: '10.9.0.1' };
const V6 = { source: 'fd09::2', destination: 'fd09::1' };
const CLOSED_PORT = { sourcePort: 40_000, destinationPort: 9 };

/** The message with its checksum at `at`, over IPv6 with the pseudo-header (RFC 8200 section 8.1). */
function summed(message: Uint8Array, at: number, pseudoHeader: Uint8Array = new Uint8Array(0)): Uint8Array {
  const sum = internetChecksum(concat(pseudoHeader, message));
  const whole = message.slice();
  whole.set([sum >>> 8, sum & 0xff], at);
  return whole;
}

function summed6(nextHeader: number, message: Uint8Array, at: number): Uint8Array {
  const ends = concat(ipv6Address(V6.source), ipv6Address(V6.destination));
  return summed(message, at, concat(ends, Uint8Array.of(0, 0, 0, message.length, 0, 0, 0, nextHeader)));
}

const over4 = (protocol: number, payload: Uint8Array) => ethernet(MACS, ipv4({ ...V4, protocol }, payload));
const over6 = (nextHeader: number, payload: Uint8Array) => ethernet(MACS, ipv6({ ...V6, nextHeader }, payload));
const ping4 = (sequence: number) => over4(PROTOCOL.icmp, summed(icmpEcho(8, sequence), 2));
const ping6 = (sequence: number) => over6(PROTOCOL.icmpv6, summed6(PROTOCOL.icmpv6, icmpEcho(128, sequence), 2));
/** Each is answered by the other host's kernel. */
const SENT = [
  ...[ping4(1), ping4(2), over4(PROTOCOL.udp, udp(CLOSED_PORT))],
  ...[ping6(1), ping6(2), over6(PROTOCOL.udp, summed6(PROTOCOL.udp, udp(CLOSED_PORT), 6))],
];

/** Neither neighbours nor multicast groups, which come when they want. */
const ASKED_FOR = 'ip or (ip6 and ip6[6] != 0 and (ip6[6] != 58 or ip6[40] < 130))';

function addIpv6(hosts: TwoHosts): void {
  for (const [namespace, name, own, other, mac] of [
    [hosts.observed, 'obs0', V6.destination, V6.source, '02:00:00:00:00:0b'],
    [hosts.peer, 'peer0', V6.source, V6.destination, '02:00:00:00:00:0a'],
  ] as const) {
    namespace.run('sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6`);
    namespace.ip('address', 'add', `${own}/64`, 'dev', name, 'nodad');
    namespace.ip('neighbour', 'replace', other, 'lladdr', mac, 'nud', 'permanent', 'dev', name);
  }
}

const lineOf = (log: StoredLog) =>
  ['srcaddr', 'dstaddr', 'protocol', 'srcport', 'dstport', 'icmp-type', 'icmp-code', 'packets']
    .map((field) => log[field] ?? '-')
    .join(' ');

describe.each(LIVE_ENGINE_NAMES)('an agent with the engine %s whose flow log names icmp-type', (engine) => {
  test.skipIf(engine === 'cap' ? capMissing !== undefined : missing !== undefined)(
    'has a record for each type and code, also of the window in which it was killed',
    { timeout: 180_000 },
    async () => {
      const hosts = new TwoHosts();
      onTestFinished(() => hosts.remove());
      addIpv6(hosts);
      const { service, agent } = await observe(hosts.observed, {
        windowSeconds: 600,
        flowLogs: '[{ interfaces: [obs0], windowSeconds: 600, fields: [eni, icmp-type, icmp-code] }]',
        capture: `{ engine: ${engine}, bufferBytes: 8MiB, filter: '${ASKED_FOR}' }`,
      });
      await agent.start();
      hosts.send(SENT);
      await agent.untilStatus(hasCounted(2 * SENT.length));
      await agent.stop('SIGKILL');
      await agent.start();
      await service.until((logs) => logs.some(isFlow));
      expect((await agent.stop()).code).toBe(0);
      expect((await service.query()).filter(isFlow).map(lineOf).sort()).toEqual(
        [
          '10.9.0.2 10.9.0.1 1 0 0 8 0 2',
          '10.9.0.1 10.9.0.2 1 0 0 0 0 2',
          '10.9.0.2 10.9.0.1 17 40000 9 - - 1',
          '10.9.0.1 10.9.0.2 1 0 0 3 3 1',
          'fd09::2 fd09::1 58 0 0 128 0 2',
          'fd09::1 fd09::2 58 0 0 129 0 2',
          'fd09::2 fd09::1 17 40000 9 - - 1',
          'fd09::1 fd09::2 58 0 0 1 4 1',
        ].sort(),
      );
      await service.stop();
    },
  );
});

/** So many packets are in its windows, the open one included. */
const hasCounted =
  (packets: number) =>
  ({ interfaces: [one] }: AgentStatus): boolean =>
    one!.live.openPackets + one!.ledger.metered.packets >= packets;

describe('a capture of messages, fragments and cut headers', () => {
  const fragment = (offset: number, payload: Uint8Array) =>
    over6(PROTOCOL.fragment, fragmentHeader(PROTOCOL.icmpv6, offset, offset === 0, payload));
  const cut = over4(PROTOCOL.icmp, icmp(11, 1));
  const packets: readonly CapturedPacket[] = [
    ...[ping4(1), ping4(2), over4(PROTOCOL.icmp, icmp(0, 0)), over4(PROTOCOL.icmp, icmp(3, 1))].map((bytes) => ({
      bytes,
    })),
    { bytes: cut.subarray(0, 35), wireLength: cut.length },
    { bytes: fragment(0, icmp(128, 0)) },
    { bytes: fragment(8, icmp(1, 4)) },
    { bytes: over4(PROTOCOL.udp, udp(CLOSED_PORT)) },
  ];
  const write = () => {
    const path = join(temporaryFolder(), 'icmp.pcap');
    writeFileSync(path, pcapFile(packets.map((packet) => ({ ...packet, seconds: 60 }))));
    return path;
  };

  async function replayed(path: string, engine: string, fields: string): Promise<string[]> {
    const words = [
      'replay',
      '--quiet',
      '--no-header',
      '--engine',
      engine,
      '--format',
      'text',
      '--fields',
      fields,
      path,
    ];
    const { code, stdout } = await runCommand(words);
    expect(code).toBe(0);
    return stdout.trim().split('\n').sort();
  }

  test.each(SAVEFILE_ENGINE_NAMES)(
    'is told apart by type and code where they are asked for: engine %s',
    async (engine) => {
      const path = write();
      expect(await replayed(path, engine, 'protocol srcport dstport icmp-type icmp-code packets')).toEqual(
        [
          '1 0 0 - - 1',
          '1 0 0 0 0 1',
          '1 0 0 3 1 1',
          '1 0 0 8 0 2',
          '17 40000 9 - - 1',
          '58 0 0 - - 1',
          '58 0 0 128 0 1',
        ].sort(),
      );
      expect(await replayed(path, engine, 'protocol srcport dstport packets')).toEqual(
        ['1 0 0 5', '17 40000 9 1', '58 0 0 2'].sort(),
      );
    },
  );

  test('is explained with them', async () => {
    const path = write();
    const told = async (number: number) => runCommand(['explain', path, '--packet', String(number)]);
    expect((await told(4)).stdout).toMatch(/@34 +ICMP +type 3, code 1; no ports in its records/);
    expect((await told(5)).stdout).toMatch(/@34 +ICMP +truncated before type and code/);
    const { stdout } = await runCommand(['explain', path, '--packet', '6', '--json']);
    expect(JSON.parse(stdout).key).toMatchObject({ icmp_type: 128, icmp_code: 0, srcport: 0, dstport: 0 });
    const later = await runCommand(['explain', path, '--packet', '7', '--json']);
    expect(JSON.parse(later.stdout).key).toMatchObject({ icmp_type: null, icmp_code: null, protocol: 58 });
  });
});
