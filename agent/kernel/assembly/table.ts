/** What the tables of both families have in common: flow/flow-table.ts says how they work. */
import { FLOWS_USED, LOST_BYTES, LOST_PACKETS, METERED_BYTES, METERED_PACKETS, SPILLED } from '../layout';

/** How far a hash is shifted right to leave the number of a slot, of a power of two. */
export function hashShift(slots: u32): u32 {
  return clz(slots) + 1;
}

/** The sums of one count begin. */
export function beginSums(used: u32): void {
  store<u32>(FLOWS_USED, used);
  store<f64>(LOST_PACKETS, 0);
  store<f64>(LOST_BYTES, 0);
}

/** Packets whose flow's counters are full. */
export function lose(packets: u32, bytes: u32): void {
  store<f64>(LOST_PACKETS, load<f64>(LOST_PACKETS) + <f64>packets);
  store<f64>(LOST_BYTES, load<f64>(LOST_BYTES) + <f64>bytes);
}

/** Takes a free slot for one more flow, if there may be one. */
export function takeSlot(usedMax: u32): bool {
  const used = load<u32>(FLOWS_USED);
  if (used >= usedMax) return false;
  store<u32>(FLOWS_USED, used + 1);
  return true;
}

/** Puts the member at the end of those that have no slot. */
export function spill(index: i32, member: usize): void {
  store<u32>(SPILLED + (index << 2), load<u32>(member));
}

export function endSums(meteredPackets: u64, meteredBytes: u64): void {
  store<f64>(METERED_PACKETS, <f64>meteredPackets);
  store<f64>(METERED_BYTES, <f64>meteredBytes);
}
