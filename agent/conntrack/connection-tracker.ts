/**
 * Keeps the translation table as the kernel's connections are: a list of all at the start, events from then on, and a list anew
 * when events were lost, and every five minutes, because a connection that began before the agent listened may end without an
 * event.
 *
 * Between two reads the events wait in the kernel, which loses them when its queue is full and says so. What is read now came
 * after the moment at which nothing waited any more: a connection has begun no earlier than that and ended no later than now.
 */
import { OperationalError } from '../model/operational-error.ts';
import { ConntrackReader } from './ctnetlink.ts';
import {
  type ConntrackSockets,
  conntrackRefusal,
  DATAGRAM_BYTES,
  type NetlinkSocket,
  NOTHING_WAITS,
  OVERRUN,
} from './netlink-socket.ts';
import type { TranslationTable } from './translation-table.ts';

export interface ConnectionTrackerOptions {
  readonly sockets: ConntrackSockets;
  readonly table: TranslationTable;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export interface TrackerCounters {
  /** Connections that were told to begin or to end. */
  events: number;
  /** Times that the kernel lost events because they were not read in time. */
  overruns: number;
  /** Lists of all connections. */
  lists: number;
  /** Lists that failed or that changed under the reading: nothing was taken for ended because of them. */
  partialLists: number;
  /** Messages that are not what the kernel documents. */
  malformed: number;
}

/** Of one `poll`, so that a flood of events holds up nothing else. */
const EVENTS_MAX = 1 << 17;
const LIST_EVERY_MS = 300_000;
/** So long may a record wait, after its window, for a disk that refuses. */
const WAIT_SECONDS = 60;
/** Lists that make good for lost events take time, for want of which more are lost: a tenth of it, no more, and one a second. */
const LIST_PAUSE_FACTOR = 9;
const LIST_PAUSE_MS_MIN = 1000;

export class ConnectionTracker {
  readonly #options: ConnectionTrackerOptions;
  readonly #reader = new ConntrackReader();
  readonly #datagram = new Uint8Array(DATAGRAM_BYTES);
  readonly #events: NetlinkSocket;
  /** When nothing waited any more, and when the last whole list began. */
  #readMs: number;
  #listedMs = 0;
  #triedMs: number;
  /** Events were lost since the last whole list; and how long the next one waits after the last. */
  #isBehind = false;
  #pauseMs = 0;
  #retentionMs = 0;
  readonly counters: TrackerCounters = { events: 0, overruns: 0, lists: 0, partialLists: 0, malformed: 0 };

  /** Knows all connections when it answers. @throws OperationalError `conntrack.permission` or `conntrack.unavailable` */
  constructor(options: ConnectionTrackerOptions) {
    this.#options = options;
    this.#readMs = options.now();
    this.#triedMs = this.#readMs;
    this.#events = options.sockets.openEvents();
    try {
      this.#list();
    } catch (error) {
      this.#events.close();
      throw error;
    }
  }

  get table(): TranslationTable {
    return this.#options.table;
  }

  /** Takes in what happened since; to be called several times a second, and before the table is asked. */
  poll(): void {
    const nowMs = this.#options.now();
    this.#readEvents(nowMs);
    // A clock that was set back must not put the next list off.
    const elapsedMs = Math.abs(nowMs - this.#triedMs);
    if (elapsedMs >= (this.#isBehind ? this.#pauseMs : LIST_EVERY_MS)) this.#listAgain();
    this.table.expire(nowMs - this.#retentionMs);
  }

  /** Remembers a connection that ended until a window of this length, and all shorter ones, have been recorded. */
  remember(windowSeconds: number): void {
    this.#retentionMs = Math.max(this.#retentionMs, (windowSeconds + WAIT_SECONDS) * 1000);
  }

  close(): void {
    this.#events.close();
  }

  #readEvents(nowMs: number): void {
    for (let left = EVENTS_MAX; left > 0; left--) {
      const bytes = this.#events.read(this.#datagram);
      if (bytes === NOTHING_WAITS) {
        this.#readMs = nowMs;
        return;
      }
      if (bytes === OVERRUN) {
        this.counters.overruns++;
        this.#isBehind = true;
      } else this.#takeEvents(bytes, nowMs);
    }
  }

  #takeEvents(bytes: number, nowMs: number): void {
    const { connection } = this.#reader;
    this.#reader.load(this.#datagram.subarray(0, bytes));
    for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
      if (message === 'malformed') this.counters.malformed++;
      if (message !== 'alive' && message !== 'destroyed') continue;
      this.counters.events++;
      if (message === 'alive') this.table.alive(connection, this.#readMs, nowMs);
      else this.table.destroyed(connection, this.#readMs, nowMs);
    }
  }

  /** What could be had at the start may fail for a moment, for want of a descriptor or of memory. */
  #listAgain(): void {
    const wasBehind = this.#isBehind;
    try {
      this.#list();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.counters.partialLists++;
    }
    const tookMs = this.#options.now() - this.#triedMs;
    this.#pauseMs = wasBehind ? Math.max(LIST_PAUSE_MS_MIN, LIST_PAUSE_FACTOR * tookMs) : 0;
  }

  #list(): void {
    const nowMs = this.#options.now();
    this.#triedMs = nowMs;
    this.#isBehind = true;
    this.counters.lists++;
    const list = this.#options.sockets.openList();
    try {
      this.table.beginList();
      this.#isBehind = !this.#readList(list, nowMs);
    } finally {
      list.close();
    }
    if (this.#isBehind) this.counters.partialLists++;
    else {
      this.table.endList(nowMs);
      this.#listedMs = nowMs;
    }
  }

  /** Answers whether it was whole. */
  #readList(list: NetlinkSocket, nowMs: number): boolean {
    for (;;) {
      const bytes = list.read(this.#datagram);
      if (bytes <= 0) return false;
      this.#reader.load(this.#datagram.subarray(0, bytes));
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        if (message === 'alive') this.table.alive(this.#reader.connection, this.#listedMs, nowMs);
        else if (message === 'malformed') this.counters.malformed++;
        else if (message === 'failed') throw conntrackRefusal(this.#reader.errno);
        else if (message === 'done') return !this.#reader.isInterrupted;
      }
    }
  }
}
