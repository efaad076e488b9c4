import { HASH, IP_BYTES, MICROSECONDS, PROTOCOL_AND_FLAGS, SLOT } from '../packet/key-row.ts';
import { packetsOf } from '../packet/segments.ts';
import { FlowTable, type FlowTableOptions, type FlowTallies } from './flow-table.ts';
import { hashIpv6 } from './hash.ts';
import { addToFlow, startFlow } from './key-layout.ts';
import { findSlot } from './slot-key.ts';
import { IPV6_HASH, IPV6_STATE, IPV6_WORDS, STATE_PROTOCOL } from './slot-layout.ts';

/** Key words that a row and a slot share: four of source, four of destination, ports. */
const KEY_WORDS = 9;
/**
 * Flows over IPv6. The key's hash stands in the row, and in the slot, too: it spares most comparisons and all rehashing. Hot:
 * benchmark case `table-ipv6`.
 */
export class Ipv6Table extends FlowTable {
  readonly slotWords = IPV6_WORDS;

  constructor(options: FlowTableOptions) {
    super(options, IPV6_WORDS);
  }

  protected override locate(rows: Int32Array, members: Int32Array, count: number): void {
    const seed = this.hashSeed;
    const shift = this.hashShift;
    for (let member = 0; member < count; member++) {
      const row = members[member]!;
      const protocol = rows[row + PROTOCOL_AND_FLAGS]! & STATE_PROTOCOL;
      const hash = hashIpv6(seed, rows, row, protocol);
      rows[row + SLOT] = (hash >>> shift) << 4;
      rows[row + HASH] = hash;
    }
  }

  protected override touch(rows: Int32Array, members: Int32Array, count: number): void {
    const slots = this.slots;
    let sum = 0;
    for (let member = 0; member < count; member++) sum ^= slots[rows[members[member]! + SLOT]! + IPV6_STATE]!;
    this.touched = sum & 1;
  }

  protected override update(
    rows: Int32Array,
    members: Int32Array,
    count: number,
    { metered, overflowed }: FlowTallies,
  ): number {
    const slots = this.slots;
    const mask = this.wordMask;
    const spilled = this.spilled;
    let spilledCount = 0;
    let lostPackets = 0;
    let meteredPackets = 0;
    let meteredBytes = 0;
    for (let member = 0; member < count; member++) {
      const row = members[member]!;
      const hash = rows[row + HASH]!;
      const protocolAndFlags = rows[row + PROTOCOL_AND_FLAGS]!;
      const protocol = protocolAndFlags & STATE_PROTOCOL;
      const packets = packetsOf(rows, row);
      const bytes = rows[row + IP_BYTES]!;
      const time = rows[row + MICROSECONDS]!;
      let slot = rows[row + SLOT]!;
      for (;;) {
        const state = slots[slot + IPV6_STATE]!;
        if (state === 0) {
          if (this.used >= this.usedMax) {
            spilled[spilledCount++] = row;
            break;
          }
          this.used += 1;
          for (let word = 0; word < KEY_WORDS; word++) slots[slot + word] = rows[row + word]!;
          slots[slot + IPV6_HASH] = hash;
          startFlow(slots, slot + IPV6_STATE, protocolAndFlags, packets, bytes, time);
          meteredPackets += packets;
          meteredBytes += bytes >>> 0;
          break;
        }
        if (
          slots[slot + IPV6_HASH] === hash &&
          (state & STATE_PROTOCOL) === protocol &&
          isSameKey(slots, slot, rows, row)
        ) {
          if (!addToFlow(slots, slot + IPV6_STATE, protocolAndFlags, packets, bytes, time)) {
            lostPackets += packets;
            overflowed.bytes += bytes >>> 0;
            break;
          }
          meteredPackets += packets;
          meteredBytes += bytes >>> 0;
          break;
        }
        slot = (slot + IPV6_WORDS) & mask;
      }
    }
    metered.packets += meteredPackets;
    metered.bytes += meteredBytes;
    overflowed.packets += lostPackets;
    return spilledCount;
  }

  protected override hashOf(rows: Int32Array, row: number): number {
    return rows[row + HASH]!;
  }

  protected override find(rows: Int32Array, row: number): number {
    const { slots } = this;
    const hash = rows[row + HASH]!;
    const protocol = rows[row + PROTOCOL_AND_FLAGS]! & STATE_PROTOCOL;
    let slot = (hash >>> this.hashShift) << 4;
    for (; slots[slot + IPV6_STATE] !== 0; slot = (slot + IPV6_WORDS) & this.wordMask) {
      const isFound =
        slots[slot + IPV6_HASH] === hash &&
        (slots[slot + IPV6_STATE]! & STATE_PROTOCOL) === protocol &&
        isSameKey(slots, slot, rows, row);
      if (isFound) return slot;
    }
    return -1;
  }

  protected override findSlot(from: Int32Array, at: number): number {
    return findSlot(this.slots, this.hashSeed, 6, from, at);
  }

  protected override rehash(from: Int32Array): void {
    const slots = this.slots;
    const mask = this.wordMask;
    const shift = this.hashShift;
    for (let old = 0; old < from.length; old += IPV6_WORDS) {
      if (from[old + IPV6_STATE] === 0) continue;
      let slot = (from[old + IPV6_HASH]! >>> shift) << 4;
      while (slots[slot + IPV6_STATE] !== 0) slot = (slot + IPV6_WORDS) & mask;
      for (let word = 0; word < IPV6_WORDS; word++) slots[slot + word] = from[old + word]!;
    }
  }
}

/** Unrolled: nine comparisons in a loop take three times as long. */
function isSameKey(slots: Int32Array, slot: number, rows: Int32Array, row: number): boolean {
  return (
    slots[slot] === rows[row] &&
    slots[slot + 1] === rows[row + 1] &&
    slots[slot + 2] === rows[row + 2] &&
    slots[slot + 3] === rows[row + 3] &&
    slots[slot + 4] === rows[row + 4] &&
    slots[slot + 5] === rows[row + 5] &&
    slots[slot + 6] === rows[row + 6] &&
    slots[slot + 7] === rows[row + 7] &&
    slots[slot + 8] === rows[row + 8]
  );
}
