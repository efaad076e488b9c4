/** The counters of one flow in its slot: flow/key-layout.ts. `state` is the address of the slot's state word. */
import { OCCUPIED, STATE_BYTES_CARRY, STATE_BYTES_FULL, STATE_CARRYING, STATE_FLAGS } from '../../flow/slot-layout';

/** Where they are behind the state. */
const PACKETS: usize = 4;
const BYTES: usize = 8;
const FIRST: usize = 12;
const LAST: usize = 16;

/** The state comes last, so that a torn slot is a free one. */
export function startFlow(state: usize, protocolAndFlags: u32, packets: u32, bytes: u32, microseconds: i32): void {
  store<u32>(state, packets, PACKETS);
  store<u32>(state, bytes, BYTES);
  store<i32>(state, microseconds, FIRST);
  store<i32>(state, microseconds, LAST);
  store<u32>(state, OCCUPIED | protocolAndFlags);
}

/** False, and nothing, when a counter would wrap. */
export function addToFlow(state: usize, protocolAndFlags: u32, packets: u32, bytes: u32, microseconds: i32): bool {
  const before = load<u32>(state);
  const sum = load<u32>(state, PACKETS) + packets;
  const low = load<u32>(state, BYTES) + bytes;
  const carry: u32 = low < bytes ? STATE_BYTES_CARRY : 0;
  if (sum < packets || (carry !== 0 && (before & STATE_BYTES_FULL) === STATE_BYTES_FULL)) return false;
  if (carry !== 0) store<u32>(state, before | STATE_CARRYING);
  store<u32>(state, sum, PACKETS);
  store<u32>(state, low, BYTES);
  if (microseconds < load<i32>(state, FIRST)) store<i32>(state, microseconds, FIRST);
  if (microseconds > load<i32>(state, LAST)) store<i32>(state, microseconds, LAST);
  const after = (before + carry) | (protocolAndFlags & STATE_FLAGS);
  if (after !== before) store<u32>(state, after);
  return true;
}
