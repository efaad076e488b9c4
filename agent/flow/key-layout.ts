/** What one flow's slot says, and how a packet changes it; slot-layout.ts draws it. */
import type { FlowRecord } from '../model/flow-record.ts';
import { isIcmp } from '../packet/icmp.ts';
import {
  OCCUPIED,
  STATE_BYTES_CARRY,
  STATE_BYTES_FULL,
  STATE_CARRYING,
  STATE_FLAGS,
  STATE_PROTOCOL,
} from './slot-layout.ts';

/** Makes the counters of the first packets; the key is written before. The state comes last, so that a torn slot is a free one. */
export function startFlow(
  slots: Int32Array,
  state: number,
  protocolAndFlags: number,
  packets: number,
  bytes: number,
  microseconds: number,
): void {
  slots[state + 1] = packets;
  slots[state + 2] = bytes;
  slots[state + 3] = microseconds;
  slots[state + 4] = microseconds;
  slots[state] = OCCUPIED | protocolAndFlags;
}

/** Counts more packets of the flow whose state word is at `state`; false, and nothing, when a counter would wrap. */
export function addToFlow(
  slots: Int32Array,
  state: number,
  protocolAndFlags: number,
  packets: number,
  bytes: number,
  microseconds: number,
): boolean {
  const before = slots[state]!;
  const sum = (slots[state + 1]! + packets) | 0;
  const low = (slots[state + 2]! + bytes) | 0;
  const carry = low >>> 0 < bytes >>> 0 ? STATE_BYTES_CARRY : 0;
  if (sum >>> 0 < packets || (carry !== 0 && (before & STATE_BYTES_FULL) === STATE_BYTES_FULL)) return false;
  if (carry !== 0) slots[state] = before | STATE_CARRYING;
  slots[state + 1] = sum;
  slots[state + 2] = low;
  if (microseconds < slots[state + 3]!) slots[state + 3] = microseconds;
  if (microseconds > slots[state + 4]!) slots[state + 4] = microseconds;
  const after = (before + carry) | (protocolAndFlags & STATE_FLAGS);
  if (after !== before) slots[state] = after;
  return true;
}

/** Loads the IPv4 slot at word `at` into `record`. */
export function loadIpv4(slots: Int32Array, at: number, record: FlowRecord): void {
  record.family = 4;
  record.source0 = slots[at]! >>> 0;
  record.destination0 = slots[at + 1]! >>> 0;
  loadCounters(slots, at + 2, record);
}

/** Loads the IPv6 slot at word `at` into `record`. */
export function loadIpv6(slots: Int32Array, at: number, record: FlowRecord): void {
  record.family = 6;
  record.source0 = slots[at]! >>> 0;
  record.source1 = slots[at + 1]! >>> 0;
  record.source2 = slots[at + 2]! >>> 0;
  record.source3 = slots[at + 3]! >>> 0;
  record.destination0 = slots[at + 4]! >>> 0;
  record.destination1 = slots[at + 5]! >>> 0;
  record.destination2 = slots[at + 6]! >>> 0;
  record.destination3 = slots[at + 7]! >>> 0;
  loadCounters(slots, at + 8, record);
}

/** The bytes of a flow, also of one whose last carry was cut short by a kill. */
export function bytesOf(state: number, low: number): number {
  const high = (state & STATE_BYTES_FULL) >>> 16;
  const isCarried = (state & STATE_CARRYING) !== 0 && low >= 0;
  return (isCarried ? high + 1 : high) * 0x1_0000_0000 + (low >>> 0);
}

/** What stands in the word of the ports, by the protocol. */
function loadPorts(ports: number, record: FlowRecord): void {
  const hasIcmp = ports !== 0 && isIcmp(record.protocol);
  record.sourcePort = hasIcmp ? 0 : ports >>> 16;
  record.destinationPort = hasIcmp ? 0 : ports & 0xffff;
  record.icmpType = hasIcmp ? (ports >>> 8) & 0xff : -1;
  record.icmpCode = hasIcmp ? ports & 0xff : -1;
}

/** Both layouts end alike: ports, state, packets, low bytes, first, last. */
function loadCounters(slots: Int32Array, at: number, record: FlowRecord): void {
  const ports = slots[at]!;
  const state = slots[at + 1]!;
  record.protocol = state & STATE_PROTOCOL;
  loadPorts(ports, record);
  record.tcpFlags = (state & STATE_FLAGS) >>> 8;
  record.packets = slots[at + 2]! >>> 0;
  record.bytes = bytesOf(state, slots[at + 3]!);
  record.furtherPackets = 0;
  record.furtherBytes = 0;
  record.firstMicroseconds = slots[at + 4]!;
  record.lastMicroseconds = slots[at + 5]!;
  record.isAnnotated = false;
}
