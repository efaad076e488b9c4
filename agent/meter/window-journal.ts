/**
 * Keeps the open windows of one observation point in mapped files, so that what was counted outlives a kill. The pages are
 * the kernel's, not the process's: whoever starts next finds every store that was made (threads/window-recovery.ts reads them).
 *
 * Nothing here is done for a packet. A window costs a few system calls when it opens and closes, a growing table one more
 * file, and a round some fifty stores for the notes. Room on the disk is reserved before it is mapped, so a full disk is an
 * error here and never a signal in the middle of a packet. Where the disk refuses, tables are memory alone: the state
 * `volatile`, told once, until a file can be made again.
 *
 * Bounds: for each window its file and at most twice its largest tables (those they grew out of stay until the window goes).
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { SKETCH_BYTES } from '../flow/key-sketch.ts';
import type { Window } from '../flow/window.ts';
import type { PersistedFiles } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Gap } from '../model/ledger.ts';
import { isPassing, isSystemError } from '../model/system-error.ts';
import type { AllocateWindowMemory, TableMemory, TablePurpose } from '../model/table-memory.ts';
import { encodeHeader, PAGE_BYTES } from './header-block.ts';
import { LedgerNotes, noteRoom, type Progress } from './ledger-notes.ts';
import {
  absentSince,
  encodeObservedUntil,
  OBSERVED_UNTIL_BYTES,
  OBSERVED_UNTIL_SUFFIX,
  UNTIL_AT,
} from './observed-until.ts';
import { mappedMemory, type PageMapper } from './table-memory.ts';
import {
  COPY_SUFFIX,
  type PersistedTable,
  pointKey,
  stemOf,
  tableExtension,
  tableFileName,
  windowFileName,
} from './window-file.ts';

/** What all points of a run share. */
export interface PersistOptions {
  /** Used by no other process; made where it is not there. */
  readonly folder: string;
  /** Where `folder` is memory: the folder on disk with the copies of its files (table-sync.ts), and of those that it has no room for. */
  readonly copyFolder?: string | undefined;
  readonly hostId: string;
  readonly runId: string;
  /** proc(5), `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
}

export interface WindowJournalOptions {
  readonly setup: PersistOptions;
  readonly point: ObservationPoint;
  readonly ruleNames: readonly string[];
  readonly mapper: PageMapper;
  /** Memory for tables when the disk refuses. */
  readonly fallback: AllocateWindowMemory;
  readonly onEvent: (event: JournalEvent) => void;
}

/** Told once for each change. */
export type JournalEvent =
  /** The disk refuses: from now on tables may be in memory alone, which a kill takes away. */
  | { readonly kind: 'memory-only'; readonly reason: string }
  /** It takes files again; so many tables were in memory alone since the run began. */
  | { readonly kind: 'persisted'; readonly memoryOnlyTables: number };

/** The file of one open window, mapped. */
interface OpenFile {
  readonly stem: string;
  readonly buffer: ArrayBuffer;
  readonly notes: LedgerNotes;
  readonly path: string;
  readonly tables: string[];
}

export class WindowJournal {
  readonly #options: WindowJournalOptions;
  readonly #open = new Map<string, OpenFile>();
  /** Starts of the windows that have no file, until they are safe elsewhere: a kill would lose all of them. */
  readonly #unkept = new Map<string, number>();
  #absentSince: number | undefined;
  /** Whether what the run before left has been read: until then it is not replaced. */
  #isBeforeKnown = false;
  #observedUntil: ArrayBuffer | undefined;
  #until: Float64Array | undefined;
  #isVolatile = false;
  #memoryOnlyTables = 0;

  constructor(options: WindowJournalOptions) {
    this.#options = options;
    this.#observe();
  }

  /** Since when nobody observed the point: Unix seconds, undefined where nobody knows, or as long as the disk does not say. */
  get absentSince(): number | undefined {
    return this.#absentSince;
  }

  /** The window has its file before its first table. */
  opened(window: Window): void {
    this.#observe();
    const key = keyOf(window.start, window.revision);
    const file = this.#attempt(() => this.#createWindow(window));
    if (file === undefined) this.#unkept.set(key, window.start);
    else this.#open.set(key, file);
  }

  readonly allocate: AllocateWindowMemory = (bytes, purpose) => {
    const file = this.#open.get(keyOf(purpose.windowStart, purpose.revision));
    const memory = file && this.#attempt(() => this.#createTable(file, purpose, bytes));
    if (memory !== undefined) return memory;
    this.#memoryOnlyTables += 1;
    return this.#options.fallback(bytes, purpose);
  };

  /** Notes down how a window stands. */
  note(window: Window, gaps: readonly Gap[], progress: Progress): void {
    this.#open.get(keyOf(window.start, window.revision))?.notes.write(window.ledger, gaps, progress);
  }

  /**
   * Everything that arrived a grace before this Unix second is in the windows and their notes. Where a window has no notes,
   * what would be lost with it counts as not observed: after a kill the gap begins with that window.
   */
  observedUntil(seconds: number): void {
    if (this.#until !== undefined) this.#until[0] = Math.min(seconds, ...this.#unkept.values());
  }

  /** The window is safe elsewhere. */
  released(window: Window): void {
    this.#unkept.delete(keyOf(window.start, window.revision));
  }

  /** Tables that had to be in memory alone. */
  get memoryOnlyTables(): number {
    return this.#memoryOnlyTables;
  }

  /** Nothing more comes to the window: its files are the receiver's to remove, by name. */
  handOver(window: Window, progress: Progress): PersistedFiles | undefined {
    const key = keyOf(window.start, window.revision);
    const file = this.#open.get(key);
    if (file === undefined) return undefined;
    file.notes.write(window.ledger, window.ledger.gaps, progress);
    this.#open.delete(key);
    this.#options.mapper.unmap(file.buffer);
    return {
      window: [...this.#copiesOf([file.path]), file.path],
      tables: [...this.#copiesOf(file.tables), ...file.tables],
    };
  }

  close(): void {
    if (this.#observedUntil !== undefined) this.#options.mapper.unmap(this.#observedUntil);
    this.#observedUntil = undefined;
    this.#until = undefined;
  }

  /** Nobody is to miss the point from now on: should it be observed again, the time until then is no gap. */
  forget(): void {
    this.close();
    for (const path of [...this.#copiesOf([this.#watermarkPath]), this.#watermarkPath]) unlinkIfThere(path);
  }

  /** A copy goes before what it was copied from: alone it would be taken for what a reboot left. */
  #copiesOf(paths: readonly string[]): readonly string[] {
    const { copyFolder } = this.#options.setup;
    return copyFolder === undefined ? [] : paths.map((path) => `${copyFolder}/${basename(path)}${COPY_SUFFIX}`);
  }

  /** Memory that others need, too (/run is systemd's), is filled by half and no more: beyond that the disk has to do. */
  #folderFor(bytes: number): string {
    const { folder, copyFolder } = this.#options.setup;
    return copyFolder === undefined || isHalfFree(folder, bytes) ? folder : copyFolder;
  }

  get #watermarkPath(): string {
    const { point, setup } = this.#options;
    return `${setup.folder}/${pointKey(point)}${OBSERVED_UNTIL_SUFFIX}`;
  }

  /** Where the disk refuses, an older file stays, which says that nobody has captured since: too long, but never too short. */
  #observe(): void {
    if (this.#observedUntil !== undefined && existsSync(this.#watermarkPath)) return;
    const before = this.#observedUntil;
    this.#observedUntil = this.#attempt(() => this.#createWatermark());
    this.#until = this.#observedUntil && new Float64Array(this.#observedUntil, UNTIL_AT, 1);
    if (before !== undefined) this.#options.mapper.unmap(before);
  }

  #createWatermark(): ArrayBuffer {
    const { point, setup, mapper } = this.#options;
    if (!this.#isBeforeKnown) {
      this.#absentSince = absentSince(readIfThere(this.#watermarkPath), pointKey(point), setup.bootId);
      this.#isBeforeKnown = true;
    }
    const fresh = `${this.#watermarkPath}.new`;
    unlinkIfThere(fresh);
    const { buffer, fileDescriptor } = this.#mapNew(fresh, OBSERVED_UNTIL_BYTES, OBSERVED_UNTIL_BYTES, (file) => {
      writeAll(file, encodeObservedUntil(pointKey(point), setup.bootId, this.#until?.[0] ?? this.#absentSince ?? 0), 0);
    });
    closeSync(fileDescriptor);
    try {
      renameSync(fresh, this.#watermarkPath);
    } catch (error) {
      mapper.unmap(buffer);
      throw error;
    }
    return buffer;
  }

  #createWindow(window: Window): OpenFile {
    const { setup, point, ruleNames } = this.#options;
    const { hostId, runId } = setup;
    const described = { hostId, runId, point, windowStart: window.start, revision: window.revision, ruleNames };
    const stem = stemOf(described);
    const header = encodeHeader(described);
    const sketchAt = header.length + noteRoom(ruleNames.length);
    const bytes = sketchAt + SKETCH_BYTES;
    const path = `${this.#folderFor(bytes)}/${windowFileName(stem)}`;
    const { buffer, fileDescriptor } = this.#mapNew(path, bytes, bytes, (file) => writeAll(file, header, 0));
    closeSync(fileDescriptor);
    window.coarsenedKeys.keepIn(new Uint8Array(buffer, sketchAt, SKETCH_BYTES));
    return {
      stem,
      buffer,
      path,
      tables: [],
      notes: new LedgerNotes(new Float64Array(buffer, header.length), ruleNames),
    };
  }

  #createTable(file: OpenFile, { family, rejection }: TablePurpose, bytes: number): TableMemory {
    const { mapper } = this.#options;
    const generation = file.tables.filter((path) => path.includes(tableExtension(family, rejection))).length;
    const slots = bytes / (family === 4 ? 32 : 64);
    const described: PersistedTable = { stem: file.stem, family, generation, slots, rejection };
    const path = `${this.#folderFor(bytes)}/${tableFileName(described)}`;
    const memory = this.#mapNew(path, bytes + PAGE_BYTES, bytes, (table) =>
      writeAll(table, encodeHeader(described), bytes),
    );
    file.tables.push(path);
    return mappedMemory(mapper, memory.fileDescriptor, memory.buffer);
  }

  /** A new file with room for all of it, and its first `mappedBytes` mapped. What fails leaves no file. */
  #mapNew(path: string, bytes: number, mappedBytes: number, write: (fileDescriptor: number) => void) {
    const { mapper } = this.#options;
    const fileDescriptor = openNew(path);
    try {
      mapper.reserveFile(fileDescriptor, bytes);
      write(fileDescriptor);
      return { fileDescriptor, buffer: mapper.map(fileDescriptor, mappedBytes) };
    } catch (error) {
      closeSync(fileDescriptor);
      unlinkIfThere(path);
      throw error;
    }
  }

  /** What the system refuses is a change of state, not a failure: capture goes on in memory. */
  #attempt<Result>(make: () => Result): Result | undefined {
    try {
      const made = make();
      if (this.#isVolatile) this.#options.onEvent({ kind: 'persisted', memoryOnlyTables: this.#memoryOnlyTables });
      this.#isVolatile = false;
      return made;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (!this.#isVolatile) this.#options.onEvent({ kind: 'memory-only', reason: error.message });
      this.#isVolatile = true;
      return undefined;
    }
  }
}

function keyOf(windowStart: number, revision: number): string {
  return `${windowStart}/${revision}`;
}

function isHalfFree(folder: string, lessBytes: number): boolean {
  const { bsize, blocks, bavail } = statfsSync(folder);
  return bavail - lessBytes / bsize >= blocks / 2;
}

/** Makes the folder anew where it was deleted, or lost in a repair of the disk; never the state directory around it. */
function openNew(path: string): number {
  try {
    return openSync(path, 'wx+', 0o600);
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), 0o700);
    return openSync(path, 'wx+', 0o600);
  }
}

function writeAll(fileDescriptor: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fileDescriptor, bytes, at, bytes.length - at, position + at);
}

/** Nothing where it cannot be read, now and later. @throws what refuses for now alone */
function readIfThere(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    if (!isSystemError(error) || isPassing(error)) throw error;
    return new Uint8Array(0);
  }
}

/** Best effort: what the disk does not let go of now is found at the next start. */
function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
