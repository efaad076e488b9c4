/** The way of one packet through the decoder: the layers that were read, and what came of them. */

/** One thing that was read, and what it meant. */
export interface Step {
  /** `Ethernet`, `VLAN`, `IPv4`, `length` ... */
  readonly layer: string;
  /** Where in the captured frame it begins, in bytes. */
  readonly offset: number;
  /** One line for people. */
  readonly says: string;
}

/** What a key is made of, as the trace found it. Addresses are words in network order; IPv4 uses the first. */
export interface KeyFound {
  readonly kind: 'key';
  readonly family: 4 | 6;
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of ICMP and ICMPv6; -1 for other protocols, later fragments and truncated headers. */
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  /** IP header and payload. */
  readonly bytes: number;
}

export interface RefusalFound {
  readonly kind: 'not-ip' | 'malformed';
  /** The byte of the frame at which it was decided. */
  readonly offset: number;
  readonly reason: string;
}

export type Ending = KeyFound | RefusalFound;

export interface DecodeTrace {
  readonly steps: readonly Step[];
  readonly ending: Ending;
}
