/** Flows over IPv6: flow/ipv6-table.ts, in the same slots. */
import { IPV6_HASH, IPV6_STATE, IPV6_WORDS, STATE_PROTOCOL } from '../../flow/slot-layout';
import { HASH, IP_BYTES, MICROSECONDS, PORTS, PROTOCOL_AND_FLAGS, SLOT } from '../../packet/key-row';
import { IPV6_MEMBERS, TOUCHED } from '../layout';
import { addToFlow, startFlow } from './flow';
import { hashIpv6 } from './hash';
import { rowOf } from './row';
import { packetsOf } from './segments';
import { beginSums, endSums, hashShift, lose, spill, takeSlot } from './table';

const SLOT_BYTES: u32 = IPV6_WORDS * 4;
const STATE: usize = IPV6_STATE * 4;
const SLOT_HASH: usize = IPV6_HASH * 4;

/**
 * Counts the first `count` members in the table of `bytes` at `slots`, which has `used` flows and may have `usedMax`. Answers how many
 * spilled.
 */
export function countIpv6(slots: usize, bytes: u32, used: u32, usedMax: u32, count: i32): i32 {
  locate(slots, bytes, count);
  touch(count);
  beginSums(used);
  return update(slots, bytes - 1, usedMax, count);
}

function locate(slots: usize, bytes: u32, count: i32): void {
  const shift = hashShift(bytes / SLOT_BYTES);
  for (let member = 0; member < count; member++) {
    const row = rowOf(IPV6_MEMBERS, member);
    const hash = hashIpv6(row, load<u8>(row, PROTOCOL_AND_FLAGS * 4));
    store<u32>(row, hash, HASH * 4);
    store<usize>(row, slots + (hash >>> shift) * SLOT_BYTES, SLOT * 4);
  }
}

function touch(count: i32): void {
  let sum: u32 = 0;
  for (let member = 0; member < count; member++) {
    sum ^= load<u32>(load<usize>(rowOf(IPV6_MEMBERS, member), SLOT * 4), STATE);
  }
  store<u32>(TOUCHED, sum);
}

function update(slots: usize, mask: u32, usedMax: u32, count: i32): i32 {
  let spilled = 0;
  let meteredPackets: u64 = 0;
  let meteredBytes: u64 = 0;
  for (let member = 0; member < count; member++) {
    const row = rowOf(IPV6_MEMBERS, member);
    const protocolAndFlags = load<u32>(row, PROTOCOL_AND_FLAGS * 4);
    const packets = packetsOf(row);
    const bytes = load<u32>(row, IP_BYTES * 4);
    const microseconds = load<i32>(row, MICROSECONDS * 4);
    const slot = find(row, protocolAndFlags & STATE_PROTOCOL, slots, mask);
    if (load<u32>(slot, STATE) === 0) {
      if (takeSlot(usedMax)) {
        storeKey(slot, row);
        startFlow(slot + STATE, protocolAndFlags, packets, bytes, microseconds);
        meteredPackets += packets;
        meteredBytes += bytes;
      } else {
        spill(spilled++, IPV6_MEMBERS + (member << 2));
      }
    } else if (addToFlow(slot + STATE, protocolAndFlags, packets, bytes, microseconds)) {
      meteredPackets += packets;
      meteredBytes += bytes;
    } else {
      lose(packets, bytes);
    }
  }
  endSums(meteredPackets, meteredBytes);
  return spilled;
}

/** The slot of the row's flow, or the free one where it would begin. */
function find(row: usize, protocol: u32, slots: usize, mask: u32): usize {
  const hash = load<u32>(row, HASH * 4);
  let slot = load<usize>(row, SLOT * 4);
  let state = load<u32>(slot, STATE);
  while (
    state !== 0 &&
    (load<u32>(slot, SLOT_HASH) !== hash || (state & STATE_PROTOCOL) !== protocol || !isSameKey(slot, row))
  ) {
    slot = after(slot, slots, mask);
    state = load<u32>(slot, STATE);
  }
  return slot;
}

/** The first nine words, which a row and a slot share. */
function isSameKey(slot: usize, row: usize): bool {
  const source = v128.xor(v128.load(slot), v128.load(row));
  const destination = v128.xor(v128.load(slot, 16), v128.load(row, 16));
  return !v128.any_true(v128.or(source, destination)) && load<u32>(slot, PORTS * 4) === load<u32>(row, PORTS * 4);
}

function storeKey(slot: usize, row: usize): void {
  v128.store(slot, v128.load(row));
  v128.store(slot, v128.load(row, 16), 16);
  store<u32>(slot, load<u32>(row, PORTS * 4), PORTS * 4);
  store<u32>(slot, load<u32>(row, HASH * 4), SLOT_HASH);
}

function after(slot: usize, slots: usize, mask: u32): usize {
  return slots + ((slot - slots + SLOT_BYTES) & mask);
}

/** Puts the occupied slots of the table of `fromBytes` at `from` into the free ones of the table of `bytes` at `slots`. */
export function rehashIpv6(from: usize, fromBytes: u32, slots: usize, bytes: u32): void {
  const shift = hashShift(bytes / SLOT_BYTES);
  const mask = bytes - 1;
  for (let old = from; old < from + fromBytes; old += SLOT_BYTES) {
    if (load<u32>(old, STATE) === 0) continue;
    let slot = slots + (load<u32>(old, SLOT_HASH) >>> shift) * SLOT_BYTES;
    while (load<u32>(slot, STATE) !== 0) slot = after(slot, slots, mask);
    for (let at: usize = 0; at < SLOT_BYTES; at += 16) v128.store(slot + at, v128.load(old + at));
  }
}
