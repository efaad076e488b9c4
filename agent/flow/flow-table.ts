/**
 * The hot-path hash map: open addressing with linear probing over 32-bit words in page-aligned memory that is handed in.
 *
 * Packets come in groups (a few hundred rows, see packet/key-row.ts) and take three passes: hash every key and note its slot;
 * touch every slot in a loop that does nothing else, so that the processor overlaps the cache misses; probe and update. Past
 * a hundred thousand flows the table lives in memory, not in cache, and this halves the time per packet.
 *
 * Limits: a table holds `flowsMax` flows; packets of further flows go to coarser records (coarsen.ts), for which an
 * eighth of the slots is kept. What even then finds no room, or would make a counter wrap, is counted as overflowed. It doubles when two thirds
 * are full, so a flow takes 48 to 96 bytes (IPv6 twice that); small tables, where memory is no matter, already when a quarter
 * is, because probes that find their flow at once are what a processor predicts. It grows between two groups, never within
 * one; a large table takes the memory for its next size a little before it needs it, and finds the pages ready then. Where no
 * memory can be had it stays at its size.
 */
import type { Ledger } from '../model/ledger.ts';
import { type AllocateTableMemory, heapMemory, type TableMemory } from '../model/table-memory.ts';
import { IP_BYTES, ROW_WORDS } from '../packet/key-row.ts';
import { packetsOf } from '../packet/segments.ts';
import { COARSENINGS } from './coarsen.ts';
import type { HashSeed } from './hash.ts';
import type { KeySketch } from './key-sketch.ts';
import { tableBytes, tableParts } from './table-parts.ts';

export interface FlowTableOptions {
  readonly hashSeed: HashSeed;
  readonly allocate: AllocateTableMemory;
  /** Flows expected, to begin at the right size. */
  readonly flowsExpected: number;
  /** Hard cap on flows. */
  readonly flowsMax: number;
  /** Counts the keys that find no room. */
  readonly coarsenedKeys?: KeySketch;
  /** Whether it has columns of what is on the wire (table-parts.ts). */
  readonly notesWire?: boolean;
}

/** Where the packets of a group are counted. */
export type FlowTallies = Pick<Ledger, 'metered' | 'coarsened' | 'overflowed'>;

/** Slots of the smallest table: one page of IPv4, two of IPv6. */
const SLOTS_MIN = 128;
/** Tables of fewer slots are small. */
const SLOTS_LARGE = 16_384;
/** From this size on the next table's pages take longer than packets may wait: it is asked for before it is needed. */
const NEXT_BYTES_MIN = 2 * 1024 * 1024;
/** Of the flows with which a table grows: those at which it asks for the next one. */
const NEXT_AT = 7 / 8;

export abstract class FlowTable {
  /** Words in one slot: 8 for IPv4, 16 for IPv6. */
  abstract readonly slotWords: 8 | 16;
  protected readonly hashSeed: HashSeed;
  protected slots: Int32Array;
  /** `slots.length - 1`: word indexes wrap by it. */
  protected wordMask: number;
  /** How far a hash is shifted right to leave a slot's number: its upper bits are the good ones. */
  protected hashShift = 0;
  protected used = 0;
  /** Flows that the table may hold now without growing. */
  protected usedMax = 0;
  /** Nothing reads it: so that the loads of the pass that touches are not optimised away. */
  protected touched = 0;
  /** Rows that the last `update` found no slot for. */
  protected spilled = new Int32Array(0);
  readonly #family: 4 | 6;
  readonly #notesWire: boolean;
  readonly #allocate: AllocateTableMemory;
  readonly #flowsMax: number;
  readonly #coarsenedKeys: KeySketch | undefined;
  #memory: TableMemory;
  #further: Float64Array | undefined;
  #growAt = 0;
  /** For the next size, where it was asked for already. */
  #next: TableMemory | undefined;
  /** Flows with which there is something to do about the size. */
  #attendAt = 0;

  constructor(options: FlowTableOptions, slotWords: 8 | 16) {
    this.hashSeed = options.hashSeed;
    this.#family = slotWords === 8 ? 4 : 6;
    this.#notesWire = options.notesWire === true;
    this.#allocate = options.allocate;
    this.#flowsMax = options.flowsMax;
    this.#coarsenedKeys = options.coarsenedKeys;
    this.#memory = this.#firstMemory(slotsFor(Math.min(options.flowsExpected, options.flowsMax)));
    const { words, further } = tableParts(this.#family, this.#memory.words, this.#notesWire);
    this.slots = words;
    this.#further = further;
    this.wordMask = this.slots.length - 1;
    this.#setSize(slotWords);
  }

  /** Counts the packets in the first `count` of `members` (word offsets of rows). */
  add(rows: Int32Array, members: Int32Array, count: number, tallies: FlowTallies): void {
    if (this.used + count > this.#attendAt) this.#makeRoom(this.used + count);
    if (this.spilled.length < count) this.spilled = new Int32Array(count);
    const spilled = this.count(rows, members, count, tallies);
    if (spilled > 0) this.#coarsen(rows, spilled, tallies);
  }

  /**
   * Adds what the frames of members that were counted are on the wire more than here. Few frames of a group are several packets, so each looks for its
   * flow once more. @param further two of each row
   */
  addFurther(rows: Int32Array, members: Int32Array, count: number, further: Float64Array): void {
    if (this.#further === undefined) return;
    for (let member = 0; member < count; member++) {
      const row = members[member]!;
      const at = (2 * row) / ROW_WORDS;
      const slot = further[at] === 0 ? -1 : this.find(rows, row);
      if (slot < 0) continue;
      const to = (2 * slot) / this.slotWords;
      this.#further[to]! += further[at]!;
      this.#further[to + 1]! += further[at + 1]!;
    }
  }

  /** The three passes; answers as `update` does. */
  protected count(rows: Int32Array, members: Int32Array, count: number, tallies: FlowTallies): number {
    this.locate(rows, members, count);
    this.touch(rows, members, count);
    return this.update(rows, members, count, tallies);
  }

  protected abstract locate(rows: Int32Array, members: Int32Array, count: number): void;
  protected abstract touch(rows: Int32Array, members: Int32Array, count: number): void;
  /** Answers how many members had no slot and none to get: they stand in `spilled`. */
  protected abstract update(rows: Int32Array, members: Int32Array, count: number, tallies: FlowTallies): number;
  /** The hash of a row that was located. */
  protected abstract hashOf(rows: Int32Array, row: number): number;
  /** The slot of a row's flow, -1 where it has none. */
  protected abstract find(rows: Int32Array, row: number): number;
  /** The same for the flow in the slot at `at` of another table. */
  protected abstract findSlot(from: Int32Array, at: number): number;
  /** Puts the occupied slots of `from` into this table's empty slots. */
  protected abstract rehash(from: Int32Array): void;

  get flows(): number {
    return this.used;
  }

  get words(): Int32Array {
    return this.slots;
  }

  /** Two of each slot, where the table has them. */
  get further(): Float64Array | undefined {
    return this.#further;
  }

  get memory(): TableMemory {
    return this.#memory;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#memory.words.byteLength + (this.#next?.words.byteLength ?? 0);
  }

  /** No more flows come: what was only for them goes. */
  finish(): void {
    this.#next?.discard();
    this.#next = undefined;
  }

  release(): void {
    this.finish();
    this.#memory.release();
  }

  /** Takes the spilled packets down the ladder; each step may use half of the room that is left. */
  #coarsen(rows: Int32Array, spilled: number, { metered, coarsened, overflowed }: FlowTallies): void {
    const exactMax = this.usedMax;
    const packets = metered.packets;
    const bytes = metered.bytes;
    const members = Int32Array.from(this.spilled.subarray(0, spilled));
    for (const row of members) this.#coarsenedKeys?.add(this.hashOf(rows, row));
    let count = spilled;
    let room = Math.floor(this.#slotCount / 8);
    for (const coarsen of COARSENINGS) {
      for (let member = 0; member < count; member++) coarsen(rows, members[member]!);
      const isLast = coarsen === COARSENINGS.at(-1);
      room = isLast ? room : Math.floor(room / 2);
      this.usedMax += room;
      this.locate(rows, members, count);
      count = this.update(rows, members, count, { metered, coarsened, overflowed });
      if (count === 0) break;
      members.set(this.spilled.subarray(0, count));
    }
    this.usedMax = exactMax;
    coarsened.packets += metered.packets - packets;
    coarsened.bytes += metered.bytes - bytes;
    for (let member = 0; member < count; member++) {
      overflowed.packets += packetsOf(rows, members[member]!);
      overflowed.bytes += rows[members[member]! + IP_BYTES]! >>> 0;
    }
  }

  #makeRoom(flows: number): void {
    if (this.#growAt >= this.#flowsMax) return;
    if (flows > this.#growAt) {
      this.#grow(flows);
    } else {
      this.#next = this.#allocate(this.#bytesOf(2 * this.#slotCount));
      this.#attendAt = this.#growAt;
    }
  }

  #grow(flows: number): void {
    const slots = slotsFor(Math.min(flows, this.#flowsMax));
    const memory = this.#memoryFor(this.#bytesOf(slots));
    if (memory === undefined) {
      this.#attendAt = Number.MAX_SAFE_INTEGER;
      return;
    }
    const before = this.#memory;
    const from = this.slots;
    const formerFurther = this.#further;
    const { words, further } = tableParts(this.#family, memory.words, this.#notesWire);
    this.#memory = memory;
    this.slots = words;
    this.#further = further;
    this.#setSize(this.slotWords);
    this.rehash(from);
    if (formerFurther !== undefined) this.#moveFurther(from, formerFurther);
    before.release();
  }

  #moveFurther(from: Int32Array, former: Float64Array): void {
    for (let slot = 0; 2 * slot < former.length; slot++) {
      if (former[2 * slot] === 0) continue;
      const to = (2 * this.findSlot(from, slot * this.slotWords)) / this.slotWords;
      this.#further![to] = former[2 * slot]!;
      this.#further![to + 1] = former[2 * slot + 1]!;
    }
  }

  /** As much as can be had, by halves; else as little as does, from the JavaScript heap. */
  #firstMemory(slots: number): TableMemory {
    const memory = this.#allocate(this.#bytesOf(slots));
    if (memory !== undefined) return memory;
    return slots > SLOTS_MIN ? this.#firstMemory(slots / 2) : heapMemory(this.#bytesOf(SLOTS_MIN));
  }

  #bytesOf(slots: number): number {
    return tableBytes(this.#family, slots, this.#notesWire);
  }

  get #slotCount(): number {
    return this.slots.length / this.slotWords;
  }

  #memoryFor(bytes: number): TableMemory | undefined {
    const next = this.#next;
    this.#next = undefined;
    if (next?.words.byteLength === bytes) return next;
    next?.discard();
    return this.#allocate(bytes);
  }

  #setSize(slotWords: number): void {
    const slots = this.slots.length / slotWords;
    this.wordMask = this.slots.length - 1;
    this.hashShift = 32 - Math.log2(slots);
    this.usedMax = Math.min(roomMax(slots), this.#flowsMax);
    this.#growAt = Math.min(roomFor(slots), this.#flowsMax);
    const asksBefore = this.#bytesOf(2 * slots) >= NEXT_BYTES_MIN && this.#growAt < this.#flowsMax;
    this.#attendAt = asksBefore ? Math.floor(this.#growAt * NEXT_AT) : this.#growAt;
  }
}

/** The power of two that has room for `flows`. */
function slotsFor(flows: number): number {
  let slots = SLOTS_MIN;
  while (roomFor(slots) < flows) slots *= 2;
  return slots;
}

/** Flows that a table of so many slots takes before it grows. */
function roomFor(slots: number): number {
  return slots < SLOTS_LARGE ? slots / 4 : roomMax(slots);
}

/** Flows that it takes when it cannot grow. */
function roomMax(slots: number): number {
  return Math.floor((slots * 2) / 3);
}
