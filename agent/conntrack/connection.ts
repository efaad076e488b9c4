import { TUPLE_WORDS, type Tuple } from './tuple.ts';

/** A connection as the kernel tracks it, read in place: one object is reused for all messages, nothing keeps it. */
export interface Connection {
  family: 4 | 6;
  /** IANA protocol number. */
  protocol: number;
  /** Of conntrack zones; 0 where none are in use. */
  zone: number;
  /** What its first packet looked like when it came. */
  readonly original: Tuple;
  /** What an answer looks like when it comes: the addresses after the translation, turned around. */
  readonly reply: Tuple;
  /** Unix milliseconds; 0 where the kernel does not note them (`nf_conntrack_timestamp`). */
  startMs: number;
}

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
/** Unreachable, source quench, redirect, time exceeded, parameter problem. */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

/** Records name the ports of TCP and UDP only, so only those tell connections apart here. */
export function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP;
}

/**
 * Whether a message of this type reports on a packet of another connection, which is not the one between its own two
 * addresses (RFC 792; RFC 4443 section 2.1). A type below 0 is unknown.
 */
export function isIcmpError(protocol: number, type: number): boolean {
  if (protocol === ICMPV6) return type >= 0 && type < 128;
  return protocol === ICMP && ICMP_ERRORS.has(type);
}

export function createConnection(): Connection {
  return {
    family: 4,
    protocol: 0,
    zone: 0,
    original: new Int32Array(TUPLE_WORDS),
    reply: new Int32Array(TUPLE_WORDS),
    startMs: 0,
  };
}
