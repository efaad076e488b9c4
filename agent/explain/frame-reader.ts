import type { Ending, KeyFound, RefusalFound, Step } from './decode-trace.ts';

export type LayerName =
  | ('ethernet' | 'cooked' | 'cooked2' | 'loopback' | 'raw' | 'nflog')
  | ('vlan' | 'snap' | 'mpls' | 'pppoe')
  | ('ipv4' | 'ipv6' | 'hop-by-hop' | 'routing' | 'fragment' | 'destination-options' | 'authentication')
  | ('tcp' | 'udp' | 'icmp' | 'icmpv6' | 'transport');

/** What only a transport header says. */
type TransportKey = Pick<KeyFound, 'sourcePort' | 'destinationPort' | 'icmpType' | 'icmpCode' | 'tcpFlags'>;

const NO_TRANSPORT: TransportKey = { sourcePort: 0, destinationPort: 0, icmpType: -1, icmpCode: -1, tcpFlags: 0 };

/** The layer that follows, and the byte at which it begins. */
export interface Next {
  readonly layer: LayerName;
  readonly at: number;
}

/** What one layer leads to. */
export type Outcome = Next | Ending;

/** Reads a frame on to its end: for a layer that has to choose between two readings. */
export type Follow = (frame: FrameReader, first: Outcome) => Ending;

/** The IP packet of a frame, from its header. */
type Packet = Pick<KeyFound, 'family' | 'source' | 'destination' | 'bytes'> & { readonly end: number };

/** A frame as it was captured, what was read of it so far, and the packet that was found in it. */
export class FrameReader {
  readonly steps: Step[] = [];
  captured: number;
  wire: number;
  /** Of the layer that is being read. */
  layer = '';
  /** That of the IP header, then that of each extension header. */
  protocol = 0;
  #packet: Packet | undefined;
  readonly #view: DataView;

  /** @param frame exactly the captured bytes; @param wire the frame's length on the wire */
  constructor(frame: Uint8Array, wire: number) {
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.captured = frame.byteLength;
    this.wire = wire;
  }

  /** The same frame, of which nothing was read. */
  fresh(): FrameReader {
    const { buffer, byteOffset } = this.#view;
    return new FrameReader(new Uint8Array(buffer, byteOffset, this.captured), this.wire);
  }

  /** From here on the frame has no more than its first bytes. */
  narrow(captured: number, wire: number): void {
    this.captured = captured;
    this.wire = wire;
  }

  /** Where the packet ends, as far as it was captured. */
  get end(): number {
    return this.#packet?.end ?? this.captured;
  }

  /** Whether so many bytes from `offset` on were captured. */
  holds(offset: number, bytes: number): boolean {
    return offset + bytes <= this.captured;
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number, littleEndian = false): number {
    return this.#view.getUint16(offset, littleEndian);
  }

  u32(offset: number, littleEndian = false): number {
    return this.#view.getUint32(offset, littleEndian);
  }

  say(offset: number, says: string, layer = this.layer): void {
    this.steps.push({ layer, offset, says });
  }

  /** An IP header at `ip` says how long its packet is. */
  enter(ip: number, packet: Omit<Packet, 'end'>): void {
    this.#packet = { ...packet, end: ip + Math.min(packet.bytes, this.captured - ip) };
  }

  /** The key of the packet, with what its transport header has. */
  key(transport: Partial<TransportKey> = {}): KeyFound {
    const { end: _, ...packet } = this.#packet!;
    return { kind: 'key', ...packet, protocol: this.protocol, ...NO_TRANSPORT, ...transport };
  }

  notIp(offset: number, reason: string): RefusalFound {
    return { kind: 'not-ip', offset, reason };
  }

  malformed(offset: number, reason: string): RefusalFound {
    return { kind: 'malformed', offset, reason };
  }

  /** The capture ends inside of a required header. */
  cut(offset: number, header: string, bytes: number): RefusalFound {
    return this.malformed(
      offset,
      `truncated ${header}: ${Math.max(0, this.captured - offset)} of ${bytes} bytes captured`,
    );
  }
}

export function hex(value: number, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
