/**
 * Which uploaded records the rules look at. Whoever has the key may upload anything: what the rules remember of it must be as short as an
 * address is, and no time of one record may end or begin what those of others are about.
 */
import { isIPv6 } from 'node:net';
import type { Observed } from '../../detect/observed.ts';

/** What makes a record one that the rules do not look at. */
export const FAULTS = ['address', 'number', 'time'] as const;
export type Fault = (typeof FAULTS)[number];

/** Of IPv6 with IPv4 at its end. */
export const ADDRESS_LENGTH_MAX = 45;
/** The longest window of an agent, Unix seconds. */
export const WINDOW_SECONDS_MAX = 600;
const PORT_MAX = 65_535;
const BYTE_MAX = 255;
const FLAGS_MAX = 511;

/** Undefined for a right one. */
export function faultOf(record: Observed): Fault | undefined {
  if (!isAddress(record.sourceAddress) || !isAddress(record.destinationAddress)) return 'address';
  if (!hasRightNumbers(record)) return 'number';
  return isWindow(record.start, record.end) && isWithin(record.first, record) ? undefined : 'time';
}

/** Whether the times may be those of a window. Unix seconds. */
export function isWindow(start: number, end: number): boolean {
  return start >= 0 && start <= end && end - start <= WINDOW_SECONDS_MAX;
}

/** Of a packet in it; clocks may have been set meanwhile. */
function isWithin(first: number | undefined, { start, end }: Observed): boolean {
  return first === undefined || (first >= start - WINDOW_SECONDS_MAX && first <= end);
}

function hasRightNumbers(record: Observed): boolean {
  const { sourcePort, destinationPort, protocol, packets, bytes, tcpFlags, icmpType, icmpCode } = record;
  return (
    isUpTo(sourcePort, PORT_MAX) &&
    isUpTo(destinationPort, PORT_MAX) &&
    isUpTo(protocol, BYTE_MAX) &&
    packets >= 0 &&
    bytes >= 0 &&
    isUpTo(tcpFlags, FLAGS_MAX) &&
    isUpTo(icmpType, BYTE_MAX) &&
    isUpTo(icmpCode, BYTE_MAX)
  );
}

function isUpTo(number: number | undefined, max: number): boolean {
  return number === undefined || (number >= 0 && number <= max);
}

const ZERO = 0x30;
const DOT = 0x2e;

/** As records print one: IPv4 in four numbers, IPv6 without a zone. */
export function isAddress(text: string): boolean {
  return isIPv4(text) || (text.length <= ADDRESS_LENGTH_MAX && isIPv6(text) && !text.includes('%'));
}

/** Asked of every record: a pattern takes three times as long. */
function isIPv4(text: string): boolean {
  let value = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) value = value === -1 ? digit : value === 0 ? BYTE_MAX + 1 : value * 10 + digit;
    else if (code !== DOT || value === -1 || ++dots > 3) return false;
    else value = -1;
    if (value > BYTE_MAX) return false;
  }
  return dots === 3 && value !== -1;
}
