/**
 * The connections of the host and what became of their addresses, found by any of the four tuples under which their packets
 * are seen:
 *
 *                      before the translation      after it
 *   original direction   original                    reply, turned around
 *   reply direction      original, turned around     reply
 *
 * A connection that ended stays until `expire`, because the records of its packets come only with the end of their window.
 * Each has the time in which it may have lived, never less than it did: where two connections had one tuple in turn, the time
 * of the record decides, and where that fits both, the one that began later.
 *
 * Layout: entries in one Int32Array, ENTRY_WORDS each, with their two tuples chained into buckets by a hash that is the same
 * for both directions. A chain begins with its newest; searches end after CHAIN_STEPS_MAX, so that many connections with one
 * tuple (one client, one port, translated at random) cost no more than that. 124 bytes an entry, 8 to 16 for its buckets.
 *
 * Limit: `entriesMax`. Beyond it the one that ended first goes (`evicted`), and where none has ended the new one is not taken
 * (`refused`).
 */
import { type Connection, hasPorts } from './connection.ts';
import { copyTuple, copyTurned, hashTuple, isSameTuple, isTurnedTuple, TUPLE_WORDS, type Tuple } from './tuple.ts';

const ENTRY_WORDS = 27;
/** Two tuples (side 0 is the original, side 1 the reply), then: */
const META = 2 * TUPLE_WORDS;
/** Connections that are alive under this entry; 0 when it ended, FREE when it is none. */
const USES = META + 1;
const GENERATION = USES + 1;
/** Next and previous node of the chain, for each side. A node is `2 * entry + side`. */
const CHAIN = GENERATION + 1;
/** The entry that ended next, and the one that ended before; or the next that is free. */
const LATER = CHAIN + 4;
const EARLIER = LATER + 1;

/** Family and protocol in META; above them the zone, which a packet does not show. */
const KIND = 0xffff;

const NONE = -1;
const FREE = -1;
const CHAIN_STEPS_MAX = 64;
const START_ENTRIES = 1024;
/** The kernel notes the start after the packet has passed the capture. */
const START_SLACK_MS = 1000;
const ALIVE = Number.POSITIVE_INFINITY;

/** What `find` answers when nothing fits. */
export const UNMATCHED = -1;

export interface TranslationTableOptions {
  readonly entriesMax: number;
  /** 32 random bits. */
  readonly seed: number;
}

export class TranslationTable {
  readonly #entriesMax: number;
  readonly #seed: number;
  #capacity: number;
  #words: Int32Array;
  /** Unix milliseconds: from when on, and until when an entry may have lived. */
  #times: Float64Array;
  /** The first node of each chain. */
  #buckets = new Int32Array(START_ENTRIES * 2).fill(NONE);
  /** Entries from here on were never used. */
  #fresh = 0;
  #free = NONE;
  #firstEnded = NONE;
  #lastEnded = NONE;
  #generation = 0;
  #size = 0;
  readonly counters = { evicted: 0, refused: 0 };
  /** Whether the connection that `find` chose has a rival, translated otherwise, that fits as well. */
  isAmbiguous = false;

  constructor({ entriesMax, seed }: TranslationTableOptions) {
    this.#entriesMax = entriesMax;
    this.#seed = seed;
    this.#capacity = Math.min(START_ENTRIES, entriesMax);
    this.#words = new Int32Array(this.#capacity * ENTRY_WORDS);
    this.#times = new Float64Array(this.#capacity * 2);
  }

  get size(): number {
    return this.#size;
  }

  /** The kernel has this connection. @param sinceMs how early it may have begun, where it does not say itself */
  alive(connection: Connection, sinceMs: number, nowMs: number): void {
    const isExclusive = hasPorts(connection.protocol);
    let entry = this.#identical(connection);
    if (isExclusive) this.#supersede(connection, entry, nowMs);
    if (entry === NONE) entry = this.#insert(connection, beganMs(connection, sinceMs, nowMs));
    if (entry === NONE) return;
    const at = entry * ENTRY_WORDS;
    if (this.#words[at + USES] === 0) this.#leaveEnded(entry);
    // Nothing here tells connections without ports apart, so several share an entry; a new generation counts them anew.
    const isOnly = isExclusive || this.#words[at + GENERATION] !== this.#generation;
    this.#words[at + USES] = isOnly ? 1 : this.#words[at + USES]! + 1;
    this.#words[at + GENERATION] = this.#generation;
    this.#times[entry * 2 + 1] = ALIVE;
  }

  /** It ended. One that was not known is taken in all the same: its last records are still to come. */
  destroyed(connection: Connection, sinceMs: number, nowMs: number): void {
    let entry = this.#identical(connection);
    if (entry === NONE) entry = this.#insert(connection, beganMs(connection, sinceMs, nowMs));
    if (entry === NONE) return;
    const uses = this.#words[entry * ENTRY_WORDS + USES]!;
    if (uses === 1) this.#end(entry, nowMs);
    else if (uses > 1) this.#words[entry * ENTRY_WORDS + USES] = uses - 1;
  }

  /** A list of all connections begins: `alive` for each of them. */
  beginList(): void {
    this.#generation = (this.#generation + 1) | 0;
  }

  /** The list was whole: whatever was not on it has ended. */
  endList(nowMs: number): void {
    for (let entry = 0; entry < this.#fresh; entry++) {
      const at = entry * ENTRY_WORDS;
      if (this.#words[at + USES]! > 0 && this.#words[at + GENERATION] !== this.#generation) this.#end(entry, nowMs);
    }
  }

  /** Forgets what ended before that. */
  expire(beforeMs: number): void {
    while (this.#firstEnded !== NONE && this.#times[this.#firstEnded * 2 + 1]! < beforeMs)
      this.#remove(this.#firstEnded);
  }

  /**
   * The connection to which packets with this tuple belong, seen from `firstMs` to `lastMs`: for `otherSide` and
   * `isOriginal`, until the table changes.
   */
  find(tuple: Tuple, family: 4 | 6, protocol: number, firstMs: number, lastMs: number): number {
    const kind = kindOf(family, protocol);
    let found = UNMATCHED;
    this.isAmbiguous = false;
    let node = this.#firstNode(tuple, protocol);
    for (let steps = 0; node !== NONE && steps < CHAIN_STEPS_MAX; steps++, node = this.#nextNode(node)) {
      const match = this.#match(node, tuple, kind, firstMs, lastMs);
      if (match === UNMATCHED) continue;
      if (found !== UNMATCHED && !this.#isSameTranslation(match, found)) this.isAmbiguous = true;
      if (found === UNMATCHED || this.#sinceMs(match) > this.#sinceMs(found)) found = match;
    }
    return found;
  }

  /** Writes what the packets look like on the other side of the translation; answers whether they look different there. */
  otherSide(match: number, into: Tuple): boolean {
    const node = match >> 1;
    if ((match & 1) === 0) copyTurned(this.#words, tupleAt(node ^ 1), into);
    else copyTuple(this.#words, tupleAt(node ^ 1), into);
    return this.#isTranslated(node >> 1);
  }

  /** Whether the packets go the way of the first packet of their connection. */
  isOriginal(match: number): boolean {
    return ((match >> 1) & 1) === (match & 1);
  }

  /** `2 * node` where the tuple is that of the node, `2 * node + 1` where it is that turned around. */
  #match(node: number, tuple: Tuple, kind: number, firstMs: number, lastMs: number): number {
    const entry = node >> 1;
    if ((this.#words[entry * ENTRY_WORDS + META]! & KIND) !== kind) return UNMATCHED;
    if (this.#times[entry * 2]! > lastMs || this.#times[entry * 2 + 1]! < firstMs) return UNMATCHED;
    const at = tupleAt(node);
    if (isSameTuple(this.#words, at, tuple, 0)) return node * 2;
    return isTurnedTuple(this.#words, at, tuple, 0) ? node * 2 + 1 : UNMATCHED;
  }

  #sinceMs(match: number): number {
    return this.#times[(match >> 2) * 2]!;
  }

  /** Of two matches of one tuple. */
  #isSameTranslation(match: number, other: number): boolean {
    const [left, right] = [tupleAt((match >> 1) ^ 1), tupleAt((other >> 1) ^ 1)];
    const isOneWay = ((match ^ other) & 1) === 0;
    return isOneWay
      ? isSameTuple(this.#words, left, this.#words, right)
      : isTurnedTuple(this.#words, left, this.#words, right);
  }

  /** The newest entry with both tuples of the connection, ended or not. */
  #identical(connection: Connection): number {
    const meta = metaOf(connection);
    let node = this.#firstNode(connection.original, connection.protocol);
    for (let steps = 0; node !== NONE && steps < CHAIN_STEPS_MAX; steps++, node = this.#nextNode(node)) {
      if (!this.#isOriginalNode(node, meta, connection.original)) continue;
      if (isSameTuple(this.#words, tupleAt(node | 1), connection.reply, 0)) return node >> 1;
    }
    return NONE;
  }

  /** The kernel has one connection for a tuple: another that was alive with it has ended, without a message. */
  #supersede(connection: Connection, except: number, nowMs: number): void {
    const meta = metaOf(connection);
    let node = this.#firstNode(connection.original, connection.protocol);
    for (let steps = 0; node !== NONE && steps < CHAIN_STEPS_MAX; steps++, node = this.#nextNode(node)) {
      const entry = node >> 1;
      if (entry === except || this.#words[entry * ENTRY_WORDS + USES]! <= 0) continue;
      if (this.#isOriginalNode(node, meta, connection.original)) this.#end(entry, nowMs);
    }
  }

  #isOriginalNode(node: number, meta: number, original: Tuple): boolean {
    if ((node & 1) !== 0 || this.#words[(node >> 1) * ENTRY_WORDS + META] !== meta) return false;
    return isSameTuple(this.#words, tupleAt(node), original, 0);
  }

  /** Answers NONE where there is no room. The entry has one use. */
  #insert(connection: Connection, sinceMs: number): number {
    const entry = this.#take();
    if (entry === NONE) return NONE;
    const at = entry * ENTRY_WORDS;
    this.#words.set(connection.original, at);
    this.#words.set(connection.reply, at + TUPLE_WORDS);
    this.#words[at + META] = metaOf(connection);
    this.#words[at + USES] = 1;
    this.#words[at + GENERATION] = this.#generation - 1;
    this.#times[entry * 2] = sinceMs;
    this.#times[entry * 2 + 1] = ALIVE;
    this.#link(entry);
    this.#size++;
    return entry;
  }

  #take(): number {
    if (this.#free === NONE && this.#fresh === this.#capacity && !this.#grow()) {
      if (this.#firstEnded === NONE) {
        this.counters.refused++;
        return NONE;
      }
      this.counters.evicted++;
      this.#remove(this.#firstEnded);
    }
    if (this.#free === NONE) return this.#fresh++;
    const entry = this.#free;
    this.#free = this.#words[entry * ENTRY_WORDS + LATER]!;
    return entry;
  }

  #grow(): boolean {
    const capacity = Math.min(2 * this.#capacity, this.#entriesMax);
    if (capacity <= this.#capacity) return false;
    const [words, times] = [this.#words, this.#times];
    this.#capacity = capacity;
    this.#words = new Int32Array(capacity * ENTRY_WORDS);
    this.#words.set(words);
    this.#times = new Float64Array(capacity * 2);
    this.#times.set(times);
    this.#buckets = new Int32Array(2 * this.#buckets.length).fill(NONE);
    for (let entry = 0; entry < this.#fresh; entry++) {
      if (this.#words[entry * ENTRY_WORDS + USES] !== FREE) this.#link(entry);
    }
    return true;
  }

  #remove(entry: number): void {
    this.#leaveEnded(entry);
    this.#unlinkNode(entry * 2);
    if (this.#isTranslated(entry)) this.#unlinkNode(entry * 2 + 1);
    this.#words[entry * ENTRY_WORDS + USES] = FREE;
    this.#words[entry * ENTRY_WORDS + LATER] = this.#free;
    this.#free = entry;
    this.#size--;
  }

  #end(entry: number, nowMs: number): void {
    const at = entry * ENTRY_WORDS;
    this.#words[at + USES] = 0;
    this.#times[entry * 2 + 1] = nowMs;
    this.#words[at + LATER] = NONE;
    this.#words[at + EARLIER] = this.#lastEnded;
    if (this.#lastEnded === NONE) this.#firstEnded = entry;
    else this.#words[this.#lastEnded * ENTRY_WORDS + LATER] = entry;
    this.#lastEnded = entry;
  }

  #leaveEnded(entry: number): void {
    const later = this.#words[entry * ENTRY_WORDS + LATER]!;
    const earlier = this.#words[entry * ENTRY_WORDS + EARLIER]!;
    if (earlier === NONE) this.#firstEnded = later;
    else this.#words[earlier * ENTRY_WORDS + LATER] = later;
    if (later === NONE) this.#lastEnded = earlier;
    else this.#words[later * ENTRY_WORDS + EARLIER] = earlier;
  }

  /** Without a translation both tuples say the same, and one node is enough. */
  #link(entry: number): void {
    this.#linkNode(entry * 2);
    if (this.#isTranslated(entry)) this.#linkNode(entry * 2 + 1);
  }

  #linkNode(node: number): void {
    const bucket = this.#bucketOfNode(node);
    const next = this.#buckets[bucket]!;
    this.#words[chainAt(node)] = next;
    this.#words[chainAt(node) + 1] = NONE;
    if (next !== NONE) this.#words[chainAt(next) + 1] = node;
    this.#buckets[bucket] = node;
  }

  #unlinkNode(node: number): void {
    const next = this.#words[chainAt(node)]!;
    const previous = this.#words[chainAt(node) + 1]!;
    if (next !== NONE) this.#words[chainAt(next) + 1] = previous;
    if (previous !== NONE) this.#words[chainAt(previous)] = next;
    else this.#buckets[this.#bucketOfNode(node)] = next;
  }

  #bucketOfNode(node: number): number {
    const meta = this.#words[(node >> 1) * ENTRY_WORDS + META]!;
    return this.#bucketOf(this.#words, tupleAt(node), (meta >>> 8) & 0xff);
  }

  #bucketOf(words: Int32Array, at: number, protocol: number): number {
    return hashTuple(this.#seed, words, at, protocol) & (this.#buckets.length - 1);
  }

  #firstNode(tuple: Tuple, protocol: number): number {
    return this.#buckets[this.#bucketOf(tuple, 0, protocol)]!;
  }

  #nextNode(node: number): number {
    return this.#words[chainAt(node)]!;
  }

  #isTranslated(entry: number): boolean {
    return !isTurnedTuple(this.#words, tupleAt(entry * 2), this.#words, tupleAt(entry * 2 + 1));
  }
}

/** What the kernel says counts, unless the clock was set back since: a beginning in the future would fit no packet. */
function beganMs({ startMs }: Connection, sinceMs: number, nowMs: number): number {
  return startMs > 0 && startMs <= nowMs ? startMs - START_SLACK_MS : sinceMs;
}

function tupleAt(node: number): number {
  return (node >> 1) * ENTRY_WORDS + (node & 1) * TUPLE_WORDS;
}

function chainAt(node: number): number {
  return (node >> 1) * ENTRY_WORDS + CHAIN + 2 * (node & 1);
}

function kindOf(family: 4 | 6, protocol: number): number {
  return (protocol << 8) | family;
}

function metaOf({ zone, protocol, family }: Connection): number {
  return (zone << 16) | kindOf(family, protocol);
}
