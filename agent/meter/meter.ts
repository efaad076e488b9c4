/**
 * Packets of one observation point into windows: choose the window by the packet's own time, decode, exclude, count. Every
 * packet that comes in ends in exactly one place of its window's ledger.
 *
 * Limits: as many windows are open at once as `windowsMax`, and their tables hold `tableBytesMax` together; over either bound
 * the window that was opened first is closed, save the one in use. A packet of a window that was closed before opens it anew,
 * as a further part of the same window.
 *
 * Hot: packet-groups.ts, or the kernel, reads the packets and hands them over in groups.
 */
import type { FlowTableOptions } from '../flow/flow-table.ts';
import type { HashSeed } from '../flow/hash.ts';
import { type CreateTable, createFlowTable, Window } from '../flow/window.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { createKernelTable } from '../kernel/kernel-tables.ts';
import type { PacketBatch } from '../model/packet-batch.ts';
import type { AllocateWindowMemory, TablePurpose } from '../model/table-memory.ts';
import { windowStart } from '../model/window-bounds.ts';
import type { Decoder } from '../packet/decode.ts';
import { excludedPeersOf } from './excluded-peers.ts';
import { KernelGroups } from './kernel-groups.ts';
import { type GroupOptions, type GroupOwner, PacketGroups } from './packet-groups.ts';
import { WindowRevisions } from './window-revisions.ts';

export interface MeterOptions extends GroupOptions {
  /** Reads and counts what lies in its memory; TypeScript does where it is absent. */
  readonly kernel?: Kernel | undefined;
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

export class Meter implements GroupOwner {
  readonly #options: MeterOptions;
  readonly #windows = new Map<number, Window>();
  readonly #groups: PacketGroups;
  #current: Window | undefined;
  /** Table memory of all open windows. */
  #tableBytes = 0;
  #ipv4FlowsExpected = 0;
  #ipv6FlowsExpected = 0;
  readonly #revisions: WindowRevisions;

  constructor(options: MeterOptions) {
    const { kernel } = options;
    this.#options = options;
    this.#groups = kernel === undefined ? new PacketGroups(options, this) : new KernelGroups(options, this, kernel);
    this.#revisions = options.revisions ?? new WindowRevisions();
  }

  /** Counts every packet of the batch; answers the bytes that its records take. */
  add(batch: PacketBatch, decode: Decoder): number {
    return this.#groups.add(batch, decode);
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

  /** Counts the members of the present group. */
  count(window: Window, ipv4Count: number, ipv6Count: number): void {
    const { rows, ipv4Members, ipv6Members, further } = this.#groups.memory;
    const bytesBefore = window.tableBytes;
    if (ipv4Count > 0) window.ipv4.add(rows, ipv4Members, ipv4Count, window.ledger);
    if (ipv6Count > 0) window.ipv6.add(rows, ipv6Members, ipv6Count, window.ledger);
    if (this.#options.notesWire === true) {
      if (ipv4Count > 0) window.ipv4.addFurther(rows, ipv4Members, ipv4Count, further);
      if (ipv6Count > 0) window.ipv6.addFurther(rows, ipv6Members, ipv6Count, further);
    }
    const grownBytes = window.tableBytes - bytesBefore;
    if (grownBytes === 0) return;
    this.#tableBytes += grownBytes;
    this.#keepBounds(window);
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
    const { kernel, exclusion } = this.#options;
    const createTable: CreateTable =
      kernel === undefined ? createFlowTable : (family, options) => createKernelTable(kernel, family, options);
    const window = new Window(start, exclusion.ruleNames, { ...tables, createTable }, revision);
    this.#options.onOpened?.(window);
    return window;
  }

  #tableOptions(purpose: TablePurpose, flowsExpected: number): FlowTableOptions {
    const { hashSeed, allocate, flowsMax, notesWire = false } = this.#options;
    const purposed = { ...purpose, notesWire };
    return { hashSeed, allocate: (bytes) => allocate(bytes, purposed), flowsMax, flowsExpected, notesWire };
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
