/**
 * Synthetic traffic: a fixed population of flows, and packets that belong to one of them. Everything is derived from the
 * flow's number and the seed, so nothing is stored per flow and the truth about a capture can be counted while it is made.
 *
 *     flows      70 % TCP, 25 % UDP, 5 % ICMP; 20 % over IPv6; clients in 10.0.0.0/8 and 2001:db8::/96, 4096 servers
 *     packets    flow chosen uniformly, or by Zipf's law with exponent 1 (the k-th flow has a share of 1/k)
 *     sizes      64: the shortest Ethernet frame, 60 bytes without its checksum (74 for TCP over IPv6, which needs them)
 *                imix: 60, 590 and 1514 bytes as 7 : 4 : 1
 *
 * The IP packet fills its frame, so that tools that count padding and tools that do not agree on bytes. No flow is one that
 * flowlogd excludes.
 */
import { mix, Random } from './random.ts';

export type Popularity = 'uniform' | 'zipf';
export type Sizes = '64' | 'imix';

export interface TrafficShape {
  readonly flows: number;
  readonly popularity: Popularity;
  readonly sizes: Sizes;
  readonly seed: number;
  /** Of all flows, in percent. */
  readonly ipv6Percent: number;
}

export const ETHERNET_BYTES = 14;
/** Ethernet, IPv6, TCP: nothing behind them is ever other than zero. */
export const HEADER_BYTES_MAX = ETHERNET_BYTES + 40 + 20;
const FRAME_BYTES_MIN = 60;
const IMIX_FRAMES = [60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514] as const;

const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMPV6 = 58;
const SERVER_PORTS = [443, 443, 443, 80, 53, 22, 8080, 5432] as const;
const TCP_FLAGS = [0x10, 0x10, 0x18, 0x18, 0x02, 0x11] as const;

export class Traffic {
  readonly shape: TrafficShape;
  readonly #random: Random;
  readonly #choose: () => number;

  constructor(shape: TrafficShape) {
    this.shape = shape;
    this.#random = new Random(shape.seed);
    this.#choose =
      shape.popularity === 'zipf' ? zipf(shape.flows, this.#random) : () => this.#random.below(shape.flows);
  }

  /** The flow of the next packet. */
  nextFlow(): number {
    return this.#choose();
  }

  /** The length on the wire of the next packet, which belongs to `flow`. */
  nextWireLength(flow: number): number {
    const wanted = this.shape.sizes === 'imix' ? IMIX_FRAMES[this.#random.below(IMIX_FRAMES.length)]! : FRAME_BYTES_MIN;
    return Math.max(wanted, this.#headerBytes(flow));
  }

  isIpv6(flow: number): boolean {
    return mix(flow ^ Math.imul(this.shape.seed, 0x9e37_79b1)) % 100 < this.shape.ipv6Percent;
  }

  /** IANA number. */
  protocol(flow: number): number {
    const share = mix(flow + 0x51ed_270b) % 100;
    if (share < 70) return TCP;
    if (share < 95) return UDP;
    return this.isIpv6(flow) ? ICMPV6 : ICMP;
  }

  /** Writes the headers of a packet of `flow` that is `wireLength` bytes long; answers how many bytes they take. */
  writeHeaders(flow: number, wireLength: number, frame: DataView, at: number): number {
    for (let byte = 0; byte < HEADER_BYTES_MAX; byte++) frame.setUint8(at + byte, 0);
    frame.setUint32(at, 0x0200_0000);
    frame.setUint16(at + 4, 2);
    frame.setUint32(at + 6, 0x0200_0000);
    frame.setUint16(at + 10, 1);
    const ip = at + ETHERNET_BYTES;
    const bytes = wireLength - ETHERNET_BYTES;
    const isIpv6 = this.isIpv6(flow);
    frame.setUint16(at + 12, isIpv6 ? 0x86dd : 0x0800);
    const transport = isIpv6 ? this.#writeIpv6(flow, bytes, frame, ip) : this.#writeIpv4(flow, bytes, frame, ip);
    this.#writeTransport(flow, transport, ip + bytes - transport, frame);
    return this.#headerBytes(flow);
  }

  #headerBytes(flow: number): number {
    return ETHERNET_BYTES + (this.isIpv6(flow) ? 40 : 20) + (this.protocol(flow) === TCP ? 20 : 8);
  }

  #writeIpv4(flow: number, bytes: number, frame: DataView, ip: number): number {
    frame.setUint16(ip, 0x4500);
    frame.setUint16(ip + 2, bytes);
    frame.setUint16(ip + 6, 0x4000);
    frame.setUint8(ip + 8, 64);
    frame.setUint8(ip + 9, this.protocol(flow));
    frame.setUint32(ip + 12, (0x0a00_0000 | client(flow)) >>> 0);
    frame.setUint32(ip + 16, (0xc0a8_0000 | server(flow)) >>> 0);
    frame.setUint16(ip + 10, headerChecksum(frame, ip));
    return ip + 20;
  }

  #writeIpv6(flow: number, bytes: number, frame: DataView, ip: number): number {
    frame.setUint32(ip, 0x6000_0000);
    frame.setUint16(ip + 4, bytes - 40);
    frame.setUint8(ip + 6, this.protocol(flow));
    frame.setUint8(ip + 7, 64);
    frame.setUint32(ip + 8, 0x2001_0db8);
    frame.setUint32(ip + 20, client(flow));
    frame.setUint32(ip + 24, 0x2001_0db8);
    frame.setUint32(ip + 28, 1);
    frame.setUint32(ip + 36, server(flow));
    return ip + 40;
  }

  #writeTransport(flow: number, at: number, bytes: number, frame: DataView): void {
    const protocol = this.protocol(flow);
    if (protocol === ICMP || protocol === ICMPV6) {
      frame.setUint8(at, protocol === ICMP ? 8 : 128);
      return;
    }
    frame.setUint16(at, 32_768 + (mix(flow + 7) & 0x3fff));
    frame.setUint16(at + 2, SERVER_PORTS[mix(flow + 11) % SERVER_PORTS.length]!);
    if (protocol === UDP) {
      frame.setUint16(at + 4, bytes);
      return;
    }
    frame.setUint8(at + 12, 0x50);
    frame.setUint8(at + 13, TCP_FLAGS[this.#random.below(TCP_FLAGS.length)]!);
    frame.setUint16(at + 14, 0xffff);
  }
}

/** 24 bits, different for each of 16 million flows: an odd multiplier only permutes them. */
function client(flow: number): number {
  return Math.imul(flow, 0x9e37_79b1) & 0xff_ffff;
}

function server(flow: number): number {
  return mix(flow + 3) & 0xfff;
}

/** RFC 791: the complement of the ones' complement sum of the header's words. */
function headerChecksum(frame: DataView, ip: number): number {
  let sum = 0;
  for (let word = 0; word < 20; word += 2) sum += frame.getUint16(ip + word);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}

/** Draws flow k with probability proportional to 1/(k+1), by searching the cumulative distribution. */
function zipf(flows: number, random: Random): () => number {
  const cumulative = new Float64Array(flows);
  let sum = 0;
  for (let flow = 0; flow < flows; flow++) {
    sum += 1 / (flow + 1);
    cumulative[flow] = sum;
  }
  return () => {
    const wanted = random.next() * sum;
    let low = 0;
    let high = flows - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
