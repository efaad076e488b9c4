/**
 * When the directions of TCP connections began in a window: from a direction to the time of its first packet, for those that
 * show a SYN and an ACK, so that a flood of SYNs without an answer takes no room. Bounded by `DIRECTIONS_MAX`: what comes
 * beyond has no handshake.
 *
 * Open addressing over 64 bits of a seeded hash instead of the key: two directions of a full table are taken for one another
 * with a chance of 2^-45. A search ends after `PROBES_MAX` steps, so that no choice of packets can make it long.
 */
import type { FlowRecord } from '../model/flow-record.ts';

export const DIRECTIONS_MAX = 1 << 19;
const PROBES_MAX = 64;
/** Two words of hash, then the first packet in microseconds and 1: 0 is a free slot. */
const SLOT_WORDS = 3;
const TIME = 2;
const START_SLOTS = 1024;

export class Handshakes {
  readonly #seed: number;
  #slots = new Int32Array(START_SLOTS * SLOT_WORDS);
  #size = 0;
  /** The hash that was asked for last. */
  #high = 0;
  #low = 0;

  /** @param seed 32 random bits */
  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  /** Remembers the record's first packet. */
  add(record: FlowRecord): void {
    if (this.#size >= DIRECTIONS_MAX) return;
    if (2 * (this.#size + 1) * SLOT_WORDS > this.#slots.length) this.#grow();
    this.#hashForward(record);
    this.#put(this.#slots, this.#high, this.#low, record.firstMicroseconds + 1);
  }

  /** The first packet of the direction that answers the record, in microseconds of the window; -1 where it is not known. */
  answerTo(record: FlowRecord): number {
    this.#hashBackward(record);
    const at = find(this.#slots, this.#high, this.#low);
    return at < 0 ? -1 : this.#slots[at + TIME]! - 1;
  }

  #put(slots: Int32Array, high: number, low: number, time: number): void {
    const at = find(slots, high, low);
    if (at < 0) return;
    if (slots[at + TIME] === 0) this.#size++;
    slots[at] = high;
    slots[at + 1] = low;
    slots[at + TIME] = time;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    this.#size = 0;
    for (let at = 0; at < before.length; at += SLOT_WORDS) {
      if (before[at + TIME] !== 0) this.#put(this.#slots, before[at]!, before[at + 1]!, before[at + TIME]!);
    }
  }

  #hashForward(record: FlowRecord): void {
    this.#start(record);
    this.#mix(record.source0, record.source1, record.source2, record.source3);
    this.#mix(record.destination0, record.destination1, record.destination2, record.destination3);
    this.#mixWord((record.sourcePort << 16) | record.destinationPort);
  }

  #hashBackward(record: FlowRecord): void {
    this.#start(record);
    this.#mix(record.destination0, record.destination1, record.destination2, record.destination3);
    this.#mix(record.source0, record.source1, record.source2, record.source3);
    this.#mixWord((record.destinationPort << 16) | record.sourcePort);
  }

  #start(record: FlowRecord): void {
    this.#high = this.#seed;
    this.#low = Math.imul(this.#seed, 0x9e37_79b1) ^ record.family;
  }

  #mix(word0: number, word1: number, word2: number, word3: number): void {
    this.#mixWord(word0);
    this.#mixWord(word1);
    this.#mixWord(word2);
    this.#mixWord(word3);
  }

  /** Two multiplications that feed each other; the shifts carry the upper bits down, where the table looks. */
  #mixWord(word: number): void {
    const high = Math.imul(this.#high ^ word, 0x85eb_ca6b);
    const low = Math.imul(this.#low + word, 0xc2b2_ae35);
    this.#high = ((high ^ (high >>> 15)) + low) | 0;
    this.#low = low ^ (low >>> 13) ^ (high >>> 7);
  }
}

/** The slot of the hash, or the free one where it would stand; -1 when the search was too long. */
function find(slots: Int32Array, high: number, low: number): number {
  const mask = slots.length / SLOT_WORDS - 1;
  for (let probe = 0; probe < PROBES_MAX; probe++) {
    const at = ((low + probe) & mask) * SLOT_WORDS;
    if (slots[at + TIME] === 0 || (slots[at] === high && slots[at + 1] === low)) return at;
  }
  return -1;
}
