/**
 * Packets of one observation point into windows: choose the window by the packet's own time, decode, exclude, count. Every
 * packet that comes in ends in exactly one place of its window's ledger.
 *
 * Limits: as many windows are open at once as `windowsMax`, and their tables hold `tableBytesMax` together; over either bound
 * the window that was opened first is closed, save the one in use. A packet of a window that was closed before opens it anew,
 * as a further part of the same window.
 *
 * Hot: `add` is the data plane's inner loop. It allocates nothing, and hands packets to the tables in groups.
 */
import type { FlowTableOptions } from '../flow/flow-table.ts';
import type { HashSeed } from '../flow/hash.ts';
import { Window } from '../flow/window.ts';
import { framesOf, nextRecord, type PacketBatch } from '../model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  FRAME,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../model/packet-batch-layout.ts';
import type { AllocateWindowMemory, TablePurpose } from '../model/table-memory.ts';
import { windowStart } from '../model/window-bounds.ts';
import { type Decoder, IPV4, IPV6, NOT_IP } from '../packet/decode.ts';
import { type Exclusion, KEEP } from '../packet/exclusion.ts';
import { keyByIcmp } from '../packet/icmp.ts';
import { MICROSECONDS, ROW_WORDS } from '../packet/key-row.ts';
import { excludedPeersOf } from './excluded-peers.ts';
import { WindowRevisions } from './window-revisions.ts';

export interface MeterOptions {
  readonly windowSeconds: number;
  readonly exclusion: Exclusion;
  /** Whether type and code of ICMP are part of the flow key. */
  readonly keysIcmp?: boolean;
  readonly hashSeed: HashSeed;
  readonly allocate: AllocateWindowMemory;
  /** Hard cap on flows in one window, by address family. */
  readonly flowsMax: number;
  readonly windowsMax: number;
  readonly tableBytesMax: number;
  /** Of the meters before this one on the same observation point, in this run. */
  readonly revisions?: WindowRevisions;
  /** A window was made; its tables come later. */
  readonly onOpened?: (window: Window) => void;
  /** Takes over a closed window: its memory is the receiver's to release. */
  readonly onClosed: (window: Window) => void;
}

/** Packets in a group: enough to overlap the cache misses, few enough for the rows to stay in the first-level cache. */
const GROUP = 128;

export class Meter {
  readonly #options: MeterOptions;
  readonly #windows = new Map<number, Window>();
  readonly #rows = new Int32Array(GROUP * ROW_WORDS);
  readonly #ipv4Members = new Int32Array(GROUP);
  readonly #ipv6Members = new Int32Array(GROUP);
  #current: Window | undefined;
  /** Table memory of all open windows. */
  #tableBytes = 0;
  #ipv4FlowsExpected = 0;
  #ipv6FlowsExpected = 0;
  readonly #revisions: WindowRevisions;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#revisions = options.revisions ?? new WindowRevisions();
  }

  /** Counts every packet of the batch; answers the bytes that its records take. */
  add(batch: PacketBatch, decode: Decoder): number {
    const { windowSeconds, exclusion } = this.#options;
    const view = batch.view;
    const frames = framesOf(batch);
    const isInline = frames === view;
    const rows = this.#rows;
    const ipv4Members = this.#ipv4Members;
    const ipv6Members = this.#ipv6Members;
    let window = this.#current;
    let start = window === undefined ? Number.POSITIVE_INFINITY : window.start;
    let end = start + windowSeconds;
    let ipv4Count = 0;
    let ipv6Count = 0;
    let at = 0;
    for (let packet = batch.count; packet > 0; packet--) {
      const seconds = view.getFloat64(at + SECONDS, true);
      if (window === undefined || !(seconds >= start && seconds < end)) {
        if (window !== undefined) this.#count(window, ipv4Count, ipv6Count);
        ipv4Count = 0;
        ipv6Count = 0;
        window = this.open(seconds);
        start = window.start;
        end = start + windowSeconds;
      }
      const captured = view.getUint32(at + CAPTURED_LENGTH, true);
      const wire = view.getUint32(at + WIRE_LENGTH, true);
      const row = (ipv4Count + ipv6Count) * ROW_WORDS;
      const frame = isInline ? at + RECORD_HEADER_BYTES : view.getUint32(at + FRAME, true);
      const decoded = decode(frames, frame, captured, wire, rows, row);
      if (decoded === IPV4 || decoded === IPV6) {
        const rule = exclusion.match(rows, row, decoded);
        if (rule === KEEP) {
          // The double 0.001 is a little more than a thousandth, so no whole microsecond is ever cut to the one before.
          rows[row + MICROSECONDS] = (seconds - start) * 1_000_000 + view.getUint32(at + NANOSECONDS, true) * 0.001;
          if (decoded === IPV4) ipv4Members[ipv4Count++] = row;
          else ipv6Members[ipv6Count++] = row;
          if (ipv4Count + ipv6Count === GROUP) {
            this.#count(window, ipv4Count, ipv6Count);
            ipv4Count = 0;
            ipv6Count = 0;
          }
        } else {
          window.exclude(rule, rows, row, decoded);
        }
      } else {
        const tally = decoded === NOT_IP ? window.ledger.notIp : window.ledger.malformed;
        tally.packets += 1;
        tally.bytes += wire;
      }
      at = isInline ? nextRecord(at, captured) : at + RECORD_HEADER_BYTES;
    }
    if (window !== undefined) this.#count(window, ipv4Count, ipv6Count);
    return at;
  }

  /** Makes the window that holds the second `seconds` the current one, opening it if need be. */
  open(seconds: number): Window {
    this.#current = this.windowAt(seconds);
    return this.#current;
  }

  /** The window that holds the second `seconds`, opened if need be. */
  windowAt(seconds: number): Window {
    const start = windowStart(seconds, this.#options.windowSeconds);
    let window = this.#windows.get(start);
    if (window === undefined) {
      this.#rememberSize(this.#current);
      window = this.#create(start);
      this.#windows.set(start, window);
      this.#keepBounds(window);
    }
    return window;
  }

  /** Closes every window that ends at or before the second `seconds`, oldest first. */
  closeBefore(seconds: number): void {
    for (const start of this.#starts()) if (start + this.#options.windowSeconds <= seconds) this.#close(start);
  }

  /** Closes every window that starts at or after the second `seconds`, oldest first. */
  closeFrom(seconds: number): void {
    for (const start of this.#starts()) if (start >= seconds) this.#close(start);
  }

  closeAll(): void {
    this.closeBefore(Number.POSITIVE_INFINITY);
  }

  get currentWindow(): Window | undefined {
    return this.#current;
  }

  /** The open windows. */
  get windows(): Iterable<Window> {
    return this.#windows.values();
  }

  /** Of the open windows; Infinity where there is none. */
  get firstStart(): number {
    return Math.min(...this.#windows.keys());
  }

  get openWindows(): number {
    return this.#windows.size;
  }

  #starts(): number[] {
    return [...this.#windows.keys()].sort((a, b) => a - b);
  }

  /** The new window's tables begin at the size that the window before needed. */
  #rememberSize(window: Window | undefined): void {
    for (const { family, table } of window?.tables ?? []) {
      if (family === 4) this.#ipv4FlowsExpected = table.flows;
      else this.#ipv6FlowsExpected = table.flows;
    }
  }

  #create(start: number): Window {
    const revision = this.#revisions.next(start);
    const tables = {
      ipv4: this.#tableOptions({ windowStart: start, revision, family: 4 }, this.#ipv4FlowsExpected),
      ipv6: this.#tableOptions({ windowStart: start, revision, family: 6 }, this.#ipv6FlowsExpected),
    };
    const window = new Window(start, this.#options.exclusion.ruleNames, tables, revision);
    this.#options.onOpened?.(window);
    return window;
  }

  #tableOptions(purpose: TablePurpose, flowsExpected: number): FlowTableOptions {
    const { hashSeed, allocate, flowsMax } = this.#options;
    return { hashSeed, allocate: (bytes) => allocate(bytes, purpose), flowsMax, flowsExpected };
  }

  #count(window: Window, ipv4Count: number, ipv6Count: number): void {
    const bytesBefore = window.tableBytes;
    if (this.#options.keysIcmp === true) {
      keyByIcmp(this.#rows, this.#ipv4Members, ipv4Count);
      keyByIcmp(this.#rows, this.#ipv6Members, ipv6Count);
    }
    if (ipv4Count > 0) window.ipv4.add(this.#rows, this.#ipv4Members, ipv4Count, window.ledger);
    if (ipv6Count > 0) window.ipv6.add(this.#rows, this.#ipv6Members, ipv6Count, window.ledger);
    const grownBytes = window.tableBytes - bytesBefore;
    if (grownBytes === 0) return;
    this.#tableBytes += grownBytes;
    this.#keepBounds(window);
  }

  #keepBounds(inUse: Window): void {
    const { windowsMax, tableBytesMax } = this.#options;
    for (const [start, window] of this.#windows) {
      if (this.#windows.size <= windowsMax && this.#tableBytes <= tableBytesMax) return;
      if (window !== inUse) this.#close(start);
    }
  }

  #close(start: number): void {
    const window = this.#windows.get(start)!;
    this.#windows.delete(start);
    this.#tableBytes -= window.tableBytes;
    if (this.#current === window) {
      this.#rememberSize(window);
      this.#current = undefined;
    }
    window.finish();
    window.ledger.coarsenedKeys = window.coarsenedKeys.keys;
    window.ledger.excludedPeers = excludedPeersOf(window.excludedPeers, this.#options.exclusion.ruleNames);
    this.#options.onClosed(window);
  }
}
