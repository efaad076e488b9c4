/**
 * Flow tables whose passes run in the kernel, where both the group and their slots lie in its memory. Their slots are those of flow/,
 * bit for bit: what spills is coarsened by TypeScript, and a table that grows out of the kernel's memory continues in TypeScript.
 */
import type { FlowTable, FlowTableOptions, FlowTallies } from '../flow/flow-table.ts';
import { Ipv4Table } from '../flow/ipv4-table.ts';
import { Ipv6Table } from '../flow/ipv6-table.ts';
import type { Kernel } from './kernel.ts';
import { FLOWS_USED, LOST_BYTES, LOST_PACKETS, METERED_BYTES, METERED_PACKETS } from './layout.ts';

/** @param family of its addresses */
export function createKernelTable(kernel: Kernel, family: 4 | 6, options: FlowTableOptions): FlowTable {
  return family === 4 ? new KernelIpv4Table(options, kernel) : new KernelIpv6Table(options, kernel);
}

class KernelIpv4Table extends Ipv4Table {
  readonly #kernel: Kernel;

  constructor(options: FlowTableOptions, kernel: Kernel) {
    super(options);
    this.#kernel = kernel;
  }

  protected override count(rows: Int32Array, members: Int32Array, count: number, tallies: FlowTallies): number {
    const kernel = this.#kernel;
    const { slots } = this;
    if (members !== kernel.ipv4Members || !kernel.holds(slots)) return super.count(rows, members, count, tallies);
    kernel.useSeed(this.hashSeed);
    const spilled = kernel.calls.countIpv4(slots.byteOffset, slots.byteLength, this.used, this.usedMax, count);
    this.used = enterSums(kernel, tallies);
    this.spilled = kernel.spilled;
    return spilled;
  }

  protected override rehash(from: Int32Array): void {
    const kernel = this.#kernel;
    const { slots } = this;
    if (!kernel.holds(from) || !kernel.holds(slots)) {
      super.rehash(from);
      return;
    }
    kernel.useSeed(this.hashSeed);
    kernel.calls.rehashIpv4(from.byteOffset, from.byteLength, slots.byteOffset, slots.byteLength);
  }
}

class KernelIpv6Table extends Ipv6Table {
  readonly #kernel: Kernel;

  constructor(options: FlowTableOptions, kernel: Kernel) {
    super(options);
    this.#kernel = kernel;
  }

  protected override count(rows: Int32Array, members: Int32Array, count: number, tallies: FlowTallies): number {
    const kernel = this.#kernel;
    const { slots } = this;
    if (members !== kernel.ipv6Members || !kernel.holds(slots)) return super.count(rows, members, count, tallies);
    kernel.useSeed(this.hashSeed);
    const spilled = kernel.calls.countIpv6(slots.byteOffset, slots.byteLength, this.used, this.usedMax, count);
    this.used = enterSums(kernel, tallies);
    this.spilled = kernel.spilled;
    return spilled;
  }

  protected override rehash(from: Int32Array): void {
    const kernel = this.#kernel;
    const { slots } = this;
    if (!kernel.holds(from) || !kernel.holds(slots)) {
      super.rehash(from);
      return;
    }
    kernel.calls.rehashIpv6(from.byteOffset, from.byteLength, slots.byteOffset, slots.byteLength);
  }
}

/** What the last count did to the tallies; answers the flows that the table has now. */
function enterSums({ words, doubles }: Kernel, { metered, overflowed }: FlowTallies): number {
  metered.packets += doubles[METERED_PACKETS / 8]!;
  metered.bytes += doubles[METERED_BYTES / 8]!;
  overflowed.packets += doubles[LOST_PACKETS / 8]!;
  overflowed.bytes += doubles[LOST_BYTES / 8]!;
  return words[FLOWS_USED / 4]!;
}
