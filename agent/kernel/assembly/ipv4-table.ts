/** Flows over IPv4: flow/ipv4-table.ts, in the same slots. */
import { IPV4_STATE, IPV4_WORDS, STATE_PROTOCOL } from '../../flow/slot-layout';
import { DESTINATION, IP_BYTES, MICROSECONDS, PORTS, PROTOCOL_AND_FLAGS, SLOT, SOURCE } from '../../packet/key-row';
import { IPV4_MEMBERS, TOUCHED } from '../layout';
import { addToFlow, startFlow } from './flow';
import { hashIpv4 } from './hash';
import { rowOf } from './row';
import { packetsOf } from './segments';
import { beginSums, endSums, hashShift, lose, spill, takeSlot } from './table';

const SLOT_BYTES: u32 = IPV4_WORDS * 4;
const STATE: usize = IPV4_STATE * 4;

/**
 * Counts the first `count` members in the table of `bytes` at `slots`, which has `used` flows and may have `usedMax`. Answers how many
 * spilled.
 */
export function countIpv4(slots: usize, bytes: u32, used: u32, usedMax: u32, count: i32): i32 {
  locate(slots, bytes, count);
  touch(count);
  beginSums(used);
  return update(slots, bytes - 1, usedMax, count);
}

function locate(slots: usize, bytes: u32, count: i32): void {
  const shift = hashShift(bytes / SLOT_BYTES);
  for (let member = 0; member < count; member++) {
    const row = rowOf(IPV4_MEMBERS, member);
    const hash = hashIpv4(
      load<u32>(row, SOURCE * 4),
      load<u32>(row, DESTINATION * 4),
      load<u32>(row, PORTS * 4),
      load<u8>(row, PROTOCOL_AND_FLAGS * 4),
    );
    store<usize>(row, slots + (hash >>> shift) * SLOT_BYTES, SLOT * 4);
  }
}

function touch(count: i32): void {
  let sum: u32 = 0;
  for (let member = 0; member < count; member++) {
    sum ^= load<u32>(load<usize>(rowOf(IPV4_MEMBERS, member), SLOT * 4), STATE);
  }
  store<u32>(TOUCHED, sum);
}

function update(slots: usize, mask: u32, usedMax: u32, count: i32): i32 {
  let spilled = 0;
  let meteredPackets: u64 = 0;
  let meteredBytes: u64 = 0;
  for (let member = 0; member < count; member++) {
    const row = rowOf(IPV4_MEMBERS, member);
    const protocolAndFlags = load<u32>(row, PROTOCOL_AND_FLAGS * 4);
    const packets = packetsOf(row);
    const bytes = load<u32>(row, IP_BYTES * 4);
    const microseconds = load<i32>(row, MICROSECONDS * 4);
    const slot = find(row, protocolAndFlags & STATE_PROTOCOL, slots, mask);
    if (load<u32>(slot, STATE) === 0) {
      if (takeSlot(usedMax)) {
        store<u32>(slot, load<u32>(row, SOURCE * 4));
        store<u32>(slot, load<u32>(row, DESTINATION * 4), 4);
        store<u32>(slot, load<u32>(row, PORTS * 4), 8);
        startFlow(slot + STATE, protocolAndFlags, packets, bytes, microseconds);
        meteredPackets += packets;
        meteredBytes += bytes;
      } else {
        spill(spilled++, IPV4_MEMBERS + (member << 2));
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
  const source = load<u32>(row, SOURCE * 4);
  const destination = load<u32>(row, DESTINATION * 4);
  const ports = load<u32>(row, PORTS * 4);
  let slot = load<usize>(row, SLOT * 4);
  let state = load<u32>(slot, STATE);
  while (
    state !== 0 &&
    (load<u32>(slot) !== source ||
      load<u32>(slot, 4) !== destination ||
      load<u32>(slot, 8) !== ports ||
      (state & STATE_PROTOCOL) !== protocol)
  ) {
    slot = after(slot, slots, mask);
    state = load<u32>(slot, STATE);
  }
  return slot;
}

function after(slot: usize, slots: usize, mask: u32): usize {
  return slots + ((slot - slots + SLOT_BYTES) & mask);
}

/** Puts the occupied slots of the table of `fromBytes` at `from` into the free ones of the table of `bytes` at `slots`. */
export function rehashIpv4(from: usize, fromBytes: u32, slots: usize, bytes: u32): void {
  const shift = hashShift(bytes / SLOT_BYTES);
  const mask = bytes - 1;
  for (let old = from; old < from + fromBytes; old += SLOT_BYTES) {
    const state = load<u32>(old, STATE);
    if (state === 0) continue;
    const hash = hashIpv4(load<u32>(old), load<u32>(old, 4), load<u32>(old, 8), state & STATE_PROTOCOL);
    let slot = slots + (hash >>> shift) * SLOT_BYTES;
    while (load<u32>(slot, STATE) !== 0) slot = after(slot, slots, mask);
    v128.store(slot, v128.load(old));
    v128.store(slot, v128.load(old, 16), 16);
  }
}
