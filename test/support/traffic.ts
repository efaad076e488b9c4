import {
  arp,
  ethernet,
  extensionHeader,
  icmpEcho,
  ipv4,
  ipv6,
  PROTOCOL,
  TCP_FLAG,
  tcp,
  udp,
} from './packet-builder.ts';

/** `source destination sourcePort destinationPort protocol` */
export type FlowKey = string;
export interface Count {
  packets: number;
  bytes: number;
}
export type Counts = Map<FlowKey, Count>;

/** A frame, and what must become of it: a part of a flow, or of the ledger's line of that name. */
interface Sent {
  readonly frame: Uint8Array;
  readonly flow?: FlowKey;
  readonly ledger?: 'dhcp' | 'dhcpv6' | 'windows-activation' | 'not-ip';
  /** Of IP, as whoever made the frame knows. */
  readonly ipBytes: number;
}

export function addCount(counts: Counts, flow: FlowKey, packets: number, bytes: number): void {
  const count = counts.get(flow) ?? { packets: 0, bytes: 0 };
  counts.set(flow, { packets: count.packets + packets, bytes: count.bytes + bytes });
}

export function addCounts(into: Counts, from: Counts): void {
  for (const [flow, { packets, bytes }] of from) addCount(into, flow, packets, bytes);
}

/** One line a flow, sorted. */
export function countLines(counts: Counts): string[] {
  return [...counts].map(([flow, { packets, bytes }]) => `${flow}: ${packets} packets, ${bytes} bytes`).sort();
}

const V4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const V4_FLOW = `${V4.source} ${V4.destination}`;
const V6_FLOW = `${V6.source} ${V6.destination}`;
const payload = (bytes: number) => new Uint8Array(bytes).fill(0x5a);

function v4(protocol: number, body: Uint8Array, flow: string): Sent {
  const frame = ethernet({}, ipv4({ ...V4, protocol }, body));
  return { frame, flow: `${V4_FLOW} ${flow} ${protocol}`, ipBytes: 20 + body.length };
}

function v6(nextHeader: number, body: Uint8Array, flow: string): Sent {
  const frame = ethernet({}, ipv6({ ...V6, nextHeader }, body));
  return { frame, flow: `${V6_FLOW} ${flow} ${nextHeader}`, ipBytes: 40 + body.length };
}

function vlanUdp(sourcePort: number): Sent {
  const body = udp({ sourcePort, destinationPort: 514 }, payload(300));
  const frame = ethernet({ vlans: [{ id: 7 }] }, ipv4({ ...V4, protocol: PROTOCOL.udp }, body));
  return { frame, flow: `${V4_FLOW} ${sourcePort} 514 ${PROTOCOL.udp}`, ipBytes: 20 + body.length };
}

function laterFragment(): Sent {
  const body = payload(800);
  const frame = ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.udp, fragmentOffset: 1480 }, body));
  return { frame, flow: `${V4_FLOW} 0 0 ${PROTOCOL.udp}`, ipBytes: 20 + body.length };
}

function extendedUdp(): Sent {
  const body = udp({ sourcePort: 6000, destinationPort: 6001 }, payload(30));
  const frame = ethernet({}, ipv6({ ...V6, nextHeader: PROTOCOL.hopByHop }, extensionHeader(PROTOCOL.udp, 16, body)));
  return { frame, flow: `${V6_FLOW} 6000 6001 ${PROTOCOL.udp}`, ipBytes: 40 + 16 + body.length };
}

const dhcp = (): Sent => ({
  ...v4(PROTOCOL.udp, udp({ sourcePort: 68, destinationPort: 67 }, payload(250)), ''),
  ledger: 'dhcp',
});
const dhcpv6 = (): Sent => ({
  ...v6(PROTOCOL.udp, udp({ sourcePort: 546, destinationPort: 547 }, payload(60)), ''),
  ledger: 'dhcpv6',
});
const activation = (): Sent => ({
  ...v4(PROTOCOL.tcp, tcp({ sourcePort: 49_000, destinationPort: 1688 }, payload(90)), ''),
  ledger: 'windows-activation',
});
const notIp = (): Sent => ({ frame: arp(), ledger: 'not-ip', ipBytes: 0 });

const times = (count: number, make: (index: number) => Sent) =>
  Array.from({ length: count }, (_, index) => make(index));

/** Frames of every kind, a part of them in flows that only this burst has. */
export class Burst {
  readonly #sent: readonly Sent[];

  constructor(number: number) {
    const sourcePort = 10_000 + number;
    const web = { sourcePort, destinationPort: 443 };
    const webFlow = `${sourcePort} 443`;
    this.#sent = [
      v4(PROTOCOL.tcp, tcp({ ...web, flags: TCP_FLAG.syn }), webFlow),
      ...times(5 + (number % 3), (index) => v4(PROTOCOL.tcp, tcp(web, payload(100 * index)), webFlow)),
      v4(PROTOCOL.tcp, tcp({ ...web, flags: TCP_FLAG.fin | TCP_FLAG.ack }), webFlow),
      ...times(4, () => v4(PROTOCOL.udp, udp({ sourcePort, destinationPort: 53 }, payload(40)), `${sourcePort} 53`)),
      ...times(3, (index) => v4(PROTOCOL.icmp, icmpEcho(8, index, payload(56)), '0 0')),
      ...times(2, () => v6(PROTOCOL.tcp, tcp(web, payload(1200)), webFlow)),
      ...times(3, () => v6(PROTOCOL.udp, udp({ sourcePort, destinationPort: 123 }, payload(48)), `${sourcePort} 123`)),
      ...times(2, (index) => v6(PROTOCOL.icmpv6, icmpEcho(128, index, payload(56)), '0 0')),
      ...times(2, () => vlanUdp(sourcePort)),
      ...times(2, laterFragment),
      extendedUdp(),
      ...times(2, dhcp),
      dhcpv6(),
      ...times(3, activation),
      ...times(2, notIp),
    ];
  }

  get frames(): readonly Uint8Array[] {
    return this.#sent.map(({ frame }) => frame);
  }

  get frameBytes(): number {
    return this.#sent.reduce((sum, { frame }) => sum + frame.length, 0);
  }

  /** By flow, what must be in the records. */
  get counts(): Counts {
    const counts: Counts = new Map();
    for (const { flow, ledger, ipBytes } of this.#sent) {
      if (ledger === undefined) addCount(counts, flow!, 1, ipBytes);
    }
    return counts;
  }

  /** Packets that must be in the ledger's line of that name. */
  inLedger(name: Sent['ledger']): number {
    return this.#sent.filter(({ ledger }) => ledger === name).length;
  }
}
