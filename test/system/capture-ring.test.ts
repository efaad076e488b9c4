/** Rings of our own beside libpcap: the same packets at the same time, to the byte, whether they tell segments or not. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { commandMissing, LineProcess, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import {
  arp,
  ethernet,
  icmpEcho,
  ipv4,
  ipv6,
  LINK_TYPE,
  PROTOCOL,
  tcp,
  udp,
  type VlanTag,
} from '../support/packet-builder.ts';
import { sendFrames } from '../support/two-hosts.ts';

interface Line {
  readonly event: 'open' | 'end';
  readonly descriptions?: readonly { readonly linkType: number }[];
  readonly libpcap?: readonly string[];
  readonly ring?: readonly string[];
  readonly segments?: readonly string[];
  readonly counters?: readonly (readonly number[])[];
}

const missing = namespacesMissing() ?? commandMissing('cc') ?? commandMissing('python3');
if (missing !== undefined) process.stderr.write(`capture-ring: ${missing}\n`);

const v4 = { source: '10.1.0.1', destination: '10.1.0.2' };
const v6 = { source: 'fd00::1', destination: 'fd00::2' };
const ports = { sourcePort: 40_000, destinationPort: 53 };
const PACKETS = [
  ipv4({ ...v4, protocol: PROTOCOL.udp }, udp(ports, new Uint8Array(3))),
  ipv4({ ...v4, protocol: PROTOCOL.tcp }, tcp({ ...ports, destinationPort: 443 }, new Uint8Array(1400).fill(7))),
  ipv4({ ...v4, protocol: PROTOCOL.icmp }, icmpEcho(8, 1, new Uint8Array(56))),
  ipv6({ ...v6, nextHeader: PROTOCOL.udp }, udp(ports, new Uint8Array(20))),
];
const service = 0x88a8;
const STACKS: readonly (readonly VlanTag[])[] = [
  [],
  [{ id: 7 }],
  [{ id: 7, tagProtocol: service }],
  [{ id: 7, tagProtocol: service }, { id: 8 }],
  [{ id: 0 }],
];
const FRAMES = [
  ...STACKS.flatMap((vlans) => PACKETS.map((packet) => ethernet({ vlans }, packet))),
  arp(),
  new Uint8Array(14),
];
const DLT_LINUX_SLL2 = 276;
/** Their frames come without their header, in front of which the kernel would tell. */
const COOKED: readonly number[] = [LINK_TYPE.linuxSll, LINK_TYPE.linuxSll2];
const SEND_TO_ITSELF = `
import socket
for number in range(6):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'itself', ('127.0.0.2' , 4000 + number))
`;

describe.skipIf(missing !== undefined)('a ring of our own', { timeout: 120_000 }, () => {
  let namespace: NetworkNamespace;
  beforeEach(() => {
    namespace = new NetworkNamespace();
    namespace.addPair('near0', 'far0');
    namespace.untilUp('far0');
  });
  afterEach(() => namespace.remove());

  async function start<Output>(command: string, ...words: string[]): Promise<LineProcess<Output>> {
    const child = namespace.start(command, ...words);
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const process_ = new LineProcess<Output>(child);
    await process_.until((lines) => lines.length > 0);
    return process_;
  }

  const startTwice = (device: string, snapBytes: number, filter = '', dataLink = -1) =>
    start<Line>(
      process.execPath,
      'test/support/capture-twice.mjs',
      device,
      String(snapBytes),
      filter,
      String(dataLink),
    );

  /** All saw the same; answers how many packets that were. */
  async function endSame(process_: LineProcess<Line>): Promise<{ packets: number; linkType: number }> {
    expect(await process_.stop()).toEqual({ code: 0, signal: null, errors: '' });
    const [{ descriptions }, { libpcap, ring, segments, counters }] = process_.lines as [Line, Line];
    const [{ linkType }] = descriptions as [{ linkType: number }];
    expect(ring).toEqual(libpcap);
    expect(segments).toEqual(COOKED.includes(linkType) ? undefined : libpcap);
    for (const each of counters!) expect(each).toEqual(counters![0]);
    for (const each of descriptions!) expect(each).toEqual(descriptions![0]);
    return { packets: ring!.length, linkType };
  }

  test('hands out what libpcap does of what arrives and leaves, with tags put back', async () => {
    const runs = await Promise.all([
      startTwice('far0', 65_535),
      startTwice('far0', 128),
      startTwice('far0', 15),
      startTwice('far0', 5),
      startTwice('near0', 65_535),
    ]);
    sendFrames(namespace, 'near0', FRAMES);
    for (const run of runs) {
      expect(await endSame(run)).toEqual({ packets: FRAMES.length, linkType: LINK_TYPE.ethernet });
    }
  });

  test('hands out what libpcap does on any, in both cooked formats', async () => {
    const runs = await Promise.all([
      startTwice('any', 65_535, '', DLT_LINUX_SLL2),
      startTwice('any', 30, '', DLT_LINUX_SLL2),
      startTwice('any', 65_535),
      startTwice('any', 18),
    ]);
    sendFrames(namespace, 'near0', FRAMES);
    for (const run of runs.slice(0, 2)) {
      expect(await endSame(run)).toEqual({ packets: 2 * FRAMES.length, linkType: LINK_TYPE.linuxSll2 });
    }
    for (const run of runs.slice(2)) expect((await endSame(run)).packets).toBe(2 * FRAMES.length);
  });

  test('hands out once what the host sends to itself', async () => {
    const runs = await Promise.all([startTwice('lo', 128), startTwice('any', 128, '', DLT_LINUX_SLL2)]);
    namespace.run('python3', '-c', SEND_TO_ITSELF);
    for (const run of runs) expect((await endSame(run)).packets).toBe(12);
  });

  const kinds = [
    ['no header', 0xfffe, LINK_TYPE.raw],
    ['an IPIP tunnel', 768, LINK_TYPE.raw],
    ['a SIT tunnel', 776, LINK_TYPE.raw],
    ['an IPv6 tunnel', 769, LINK_TYPE.linuxSll],
    ['a GRE tunnel', 778, LINK_TYPE.linuxSll],
    ['a GRE tunnel over IPv6', 823, LINK_TYPE.linuxSll],
    ['PPP', 512, LINK_TYPE.linuxSll],
    ['raw IP', 519, LINK_TYPE.linuxSll],
  ] as const;
  test.each(kinds)('hands out what libpcap does of a link of %s', async (_name, hardware, linkType) => {
    const packets = PACKETS.map((packet) => Buffer.from(packet).toString('hex'));
    const device = await start<string>('python3', 'test/support/tun-device.py', 'tun0', String(hardware), ...packets);
    const runs = await Promise.all([startTwice('tun0', 65_535), startTwice('tun0', 40, 'udp or icmp')]);
    device.tell('send');
    await device.until((lines) => lines.length === 2);
    sendFrames(namespace, 'tun0', PACKETS.slice(0, 2));
    expect(await endSame(runs[0]!)).toEqual({ packets: PACKETS.length + 2, linkType });
    expect((await endSame(runs[1]!)).packets).toBe(PACKETS.length);
    expect((await device.stop()).code).toBe(0);
  });

  const filters = [
    ['far0', 'udp port 53', 8],
    ['far0', 'vlan and udp', 6],
    ['far0', 'vlan 7', 12],
    ['far0', 'not vlan', 6],
    ['far0', 'ether dst ff:ff:ff:ff:ff:ff', 1],
    ['any', 'ip and not tcp', 10],
    ['any', 'inbound', FRAMES.length],
  ] as const;
  test('filters as libpcap does, in the kernel', async () => {
    const runs = await Promise.all(
      filters.map(([device, filter]) => startTwice(device, 96, filter, device === 'any' ? DLT_LINUX_SLL2 : -1)),
    );
    sendFrames(namespace, 'near0', FRAMES);
    const counts: number[] = [];
    for (const run of runs) counts.push((await endSame(run)).packets);
    expect(counts).toEqual(filters.map(([, , packets]) => packets));
  });

  test('knows which way a packet goes from the first block on, where libpcap does from the second on', async () => {
    const [inbound, outbound] = await Promise.all(
      ['inbound', 'outbound'].map((filter) => startTwice('far0', 96, filter)),
    );
    sendFrames(namespace, 'near0', FRAMES);
    for (const run of [inbound!, outbound!]) await run.stop();
    expect([inbound!, outbound!].map((run) => run.lines[1]!.ring!.length)).toEqual([FRAMES.length, 0]);
  });

  test('leaves to libpcap what the kernel cannot filter, and links of other kinds', async () => {
    const device = await start<string>('python3', 'test/support/tun-device.py', 'tun0', '280');
    const runs = await Promise.all(
      [
        ['any', 'ip or link[6] = 1'],
        ['tun0', ''],
        ['far0', ''],
      ].map(([name, filter]) => start<Line>(process.execPath, 'test/support/ring-refusal.mjs', name!, filter!)),
    );
    expect(runs.map((run) => run.lines[0])).toEqual(['RING_UNSUPPORTED', 'RING_UNSUPPORTED', 'opened']);
    expect((await device.stop()).code).toBe(0);
  });
});
