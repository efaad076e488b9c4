import { DESTINATION, IP_BYTES, MICROSECONDS, PORTS, PROTOCOL_AND_FLAGS, SLOT, SOURCE } from '../packet/key-row.ts';
import { packetsOf } from '../packet/segments.ts';
import { FlowTable, type FlowTableOptions, type FlowTallies } from './flow-table.ts';
import { hashIpv4 } from './hash.ts';
import { addToFlow, startFlow } from './key-layout.ts';
import { findSlot } from './slot-key.ts';
import { IPV4_STATE, IPV4_WORDS, STATE_PROTOCOL } from './slot-layout.ts';

/** Flows over IPv4. Hot: benchmark case `table-ipv4`. */
export class Ipv4Table extends FlowTable {
  readonly slotWords = IPV4_WORDS;

  constructor(options: FlowTableOptions) {
    super(options, IPV4_WORDS);
  }

  protected override locate(rows: Int32Array, members: Int32Array, count: number): void {
    const seed = this.hashSeed;
    const shift = this.hashShift;
    for (let member = 0; member < count; member++) {
      const row = members[member]!;
      const protocol = rows[row + PROTOCOL_AND_FLAGS]! & STATE_PROTOCOL;
      const hash = hashIpv4(seed, rows[row + SOURCE]!, rows[row + DESTINATION]!, rows[row + PORTS]!, protocol);
      rows[row + SLOT] = (hash >>> shift) << 3;
    }
  }

  protected override touch(rows: Int32Array, members: Int32Array, count: number): void {
    const slots = this.slots;
    let sum = 0;
    for (let member = 0; member < count; member++) sum ^= slots[rows[members[member]! + SLOT]! + IPV4_STATE]!;
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
      const source = rows[row + SOURCE]!;
      const destination = rows[row + DESTINATION]!;
      const ports = rows[row + PORTS]!;
      const protocolAndFlags = rows[row + PROTOCOL_AND_FLAGS]!;
      const protocol = protocolAndFlags & STATE_PROTOCOL;
      const packets = packetsOf(rows, row);
      const bytes = rows[row + IP_BYTES]!;
      const time = rows[row + MICROSECONDS]!;
      let slot = rows[row + SLOT]!;
      for (;;) {
        const state = slots[slot + IPV4_STATE]!;
        if (state === 0) {
          if (this.used >= this.usedMax) {
            spilled[spilledCount++] = row;
            break;
          }
          this.used += 1;
          slots[slot] = source;
          slots[slot + 1] = destination;
          slots[slot + 2] = ports;
          startFlow(slots, slot + IPV4_STATE, protocolAndFlags, packets, bytes, time);
          meteredPackets += packets;
          meteredBytes += bytes >>> 0;
          break;
        }
        if (
          slots[slot] === source &&
          slots[slot + 1] === destination &&
          slots[slot + 2] === ports &&
          (state & STATE_PROTOCOL) === protocol
        ) {
          if (!addToFlow(slots, slot + IPV4_STATE, protocolAndFlags, packets, bytes, time)) {
            lostPackets += packets;
            overflowed.bytes += bytes >>> 0;
            break;
          }
          meteredPackets += packets;
          meteredBytes += bytes >>> 0;
          break;
        }
        slot = (slot + IPV4_WORDS) & mask;
      }
    }
    metered.packets += meteredPackets;
    metered.bytes += meteredBytes;
    overflowed.packets += lostPackets;
    return spilledCount;
  }

  protected override hashOf(rows: Int32Array, row: number): number {
    const protocol = rows[row + PROTOCOL_AND_FLAGS]! & STATE_PROTOCOL;
    return hashIpv4(this.hashSeed, rows[row + SOURCE]!, rows[row + DESTINATION]!, rows[row + PORTS]!, protocol);
  }

  protected override find(rows: Int32Array, row: number): number {
    const { slots } = this;
    const protocol = rows[row + PROTOCOL_AND_FLAGS]! & STATE_PROTOCOL;
    let slot = (this.hashOf(rows, row) >>> this.hashShift) << 3;
    for (; slots[slot + IPV4_STATE] !== 0; slot = (slot + IPV4_WORDS) & this.wordMask) {
      const isFound =
        slots[slot] === rows[row + SOURCE] &&
        slots[slot + 1] === rows[row + DESTINATION] &&
        slots[slot + 2] === rows[row + PORTS] &&
        (slots[slot + IPV4_STATE]! & STATE_PROTOCOL) === protocol;
      if (isFound) return slot;
    }
    return -1;
  }

  protected override findSlot(from: Int32Array, at: number): number {
    return findSlot(this.slots, this.hashSeed, 4, from, at);
  }

  protected override rehash(from: Int32Array): void {
    const slots = this.slots;
    const mask = this.wordMask;
    const shift = this.hashShift;
    for (let old = 0; old < from.length; old += IPV4_WORDS) {
      const state = from[old + IPV4_STATE]!;
      if (state === 0) continue;
      const hash = hashIpv4(this.hashSeed, from[old]!, from[old + 1]!, from[old + 2]!, state & STATE_PROTOCOL);
      let slot = (hash >>> shift) << 3;
      while (slots[slot + IPV4_STATE] !== 0) slot = (slot + IPV4_WORDS) & mask;
      for (let word = 0; word < IPV4_WORDS; word++) slots[slot + word] = from[old + word]!;
    }
  }
}
