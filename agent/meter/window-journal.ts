/**
 * Has the open windows of one observation point in mapped files (window-file.ts), so that what was counted outlives a kill. The
 * pages are the kernel's, not the process's: the next start finds every store that was made (threads/window-recovery.ts).
 *
 * Nothing here is done for a packet. A window costs a few system calls when it opens and closes, a growing table three, and a
 * round some fifty stores for the ledger. Where the disk refuses, tables are memory-only, which is an event once, until a file can be
 * made again.
 *
 * Limits: for each window with packets one open file, and twice its largest tables (those they grew out of stay until the window goes);
 * four times, where they are about to grow.
 */
import { statfsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Window } from '../flow/window.ts';
import type { PersistedFiles } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Gap } from '../model/ledger.ts';
import type { MemoryPlaces } from '../model/memory-places.ts';
import { isSystemError } from '../model/system-error.ts';
import type { AllocateWindowMemory } from '../model/table-memory.ts';
import type { Progress } from './ledger-snapshot.ts';
import { ObservedUntil } from './observed-until.ts';
import type { PageMapper } from './table-memory.ts';
import { WindowFile } from './window-file.ts';

/** What all points of a run share. */
export interface PersistOptions {
  /** Used by no other process; made where it is not there. */
  readonly folder: string;
  /** Where `folder` is memory: the folder on disk with the copies of its files (table-sync.ts), and with those that it has no room for. */
  readonly copyFolder?: string | undefined;
  readonly hostId: string;
  readonly runId: string;
  /** proc(5), `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
}

export interface WindowJournalOptions {
  readonly persist: PersistOptions;
  readonly point: ObservationPoint;
  readonly ruleNames: readonly string[];
  readonly mapper: PageMapper;
  /** Where its tables lie, if not anywhere. */
  readonly places?: MemoryPlaces | undefined;
  /** Memory for tables when the disk refuses. */
  readonly fallback: AllocateWindowMemory;
  readonly onEvent: (event: JournalEvent) => void;
}

/** Once for each change. */
export type JournalEvent =
  /** The disk refuses: from now on tables may be in memory only, which a kill takes away. */
  | { readonly kind: 'memory-only'; readonly reason: string }
  /** It takes files again; so many tables were in memory only since the run began. */
  | { readonly kind: 'persisted'; readonly memoryOnlyTables: number };

type WindowIdentity = Pick<Window, 'start' | 'revision'>;

export class WindowJournal {
  readonly #options: WindowJournalOptions;
  readonly #watermark: ObservedUntil;
  /** Of open windows, and of closed ones until they are safe elsewhere. The first has the ledger. */
  readonly #files = new Map<string, WindowFile[]>();
  /** Starts of the windows that have no file, until they are safe elsewhere: a kill would lose all of them. */
  readonly #memoryOnly = new Map<string, number>();
  #isRefused = false;
  #memoryOnlyTables = 0;

  constructor(options: WindowJournalOptions) {
    const { persist, point, mapper } = options;
    this.#options = options;
    this.#watermark = new ObservedUntil(persist, point, mapper);
    this.#attempt(() => this.#watermark.open());
  }

  /** Since when nobody observed the point: Unix seconds, undefined where it is unknown, or as long as the disk does not say. */
  get absentSince(): number | undefined {
    return this.#watermark.absentSince;
  }

  /** Tables that had to be in memory only. */
  get memoryOnlyTables(): number {
    return this.#memoryOnlyTables;
  }

  /** The window has its file before its first table. */
  opened(window: Window): void {
    if (!this.#watermark.isOpen) this.#attempt(() => this.#watermark.open());
    const file = this.#attempt(() => this.#create(window));
    if (file === undefined) {
      this.#memoryOnly.set(keyOf(window), window.start);
      return;
    }
    this.#files.set(keyOf(window), [file]);
    window.coarsenedKeys.keepIn(file.registers);
  }

  readonly allocate: AllocateWindowMemory = (bytes, purpose) => {
    const files = this.#files.get(keyOf({ start: purpose.windowStart, revision: purpose.revision }));
    const memory = files && this.#attempt(() => this.#fileFor(files, bytes).allocate(bytes, purpose));
    if (memory !== undefined) return memory;
    this.#memoryOnlyTables += 1;
    return this.#options.fallback(bytes, purpose);
  };

  /** Notes down how a window stands. */
  note(window: Window, gaps: readonly Gap[], progress: Progress): void {
    this.#files.get(keyOf(window))?.at(0)?.ledger.write(window.ledger, gaps, progress);
  }

  /**
   * Everything that arrived a grace before this Unix second is in the windows and their files. What a window without one would lose
   * counts as not observed: after a kill the gap begins with that window.
   */
  observedUntil(seconds: number): void {
    this.#watermark.set(Math.min(seconds, ...this.#memoryOnly.values()));
  }

  /** Nothing more comes to the window: its files are the receiver's to remove, by name. */
  handOver(window: Window, progress: Progress): PersistedFiles | undefined {
    const files = this.#files.get(keyOf(window));
    this.note(window, window.ledger.gaps, progress);
    for (const file of files ?? []) file.unmapHead();
    return files?.flatMap(({ path }) => this.#withCopy(path));
  }

  /** The window is safe elsewhere, and its tables are not used any more. */
  released(window: WindowIdentity): void {
    const key = keyOf(window);
    for (const file of this.#files.get(key) ?? []) file.close();
    this.#files.delete(key);
    this.#memoryOnly.delete(key);
  }

  close(): void {
    this.#watermark.close();
  }

  /** The point is not to be observed any more. */
  forget(): void {
    this.#watermark.forget();
  }

  /** A copy goes before what it was copied from: alone it would be taken for what a reboot left. */
  #withCopy(path: string): readonly string[] {
    const { folder, copyFolder } = this.#options.persist;
    return copyFolder === undefined || dirname(path) !== folder ? [path] : [`${copyFolder}/${basename(path)}`, path];
  }

  #create({ start: windowStart, revision }: Window): WindowFile {
    const { persist, point, ruleNames, mapper, places } = this.#options;
    const { folder, copyFolder, hostId, runId } = persist;
    const place = copyFolder === undefined || isHalfFree(folder, WINDOW_BYTES) ? folder : copyFolder;
    return new WindowFile(place, { hostId, runId, point, windowStart, revision, ruleNames }, 0, mapper, places);
  }

  /** Memory that others need, too (/run is systemd's), is filled by half and no more: beyond that the disk has to do. */
  #fileFor(files: WindowFile[], bytes: number): WindowFile {
    const { persist, mapper, places } = this.#options;
    const { folder, copyFolder } = persist;
    const last = files.at(-1)!;
    if (copyFolder === undefined || dirname(last.path) !== folder || isHalfFree(folder, bytes)) return last;
    const onDisk = new WindowFile(copyFolder, last.window, files.length, mapper, places);
    files.push(onDisk);
    return onDisk;
  }

  /** What the system refuses is a change of state, not a failure: capture continues in memory. */
  #attempt<Result>(make: () => Result): Result | undefined {
    try {
      const made = make();
      if (this.#isRefused) this.#options.onEvent({ kind: 'persisted', memoryOnlyTables: this.#memoryOnlyTables });
      this.#isRefused = false;
      return made;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (!this.#isRefused) this.#options.onEvent({ kind: 'memory-only', reason: error.message });
      this.#isRefused = true;
      return undefined;
    }
  }
}

/** A window's file before its first table, about. */
const WINDOW_BYTES = 16 * 1024;

function keyOf({ start, revision }: WindowIdentity): string {
  return `${start}/${revision}`;
}

function isHalfFree(folder: string, lessBytes: number): boolean {
  const { bsize, blocks, bavail } = statfsSync(folder);
  return bavail - lessBytes / bsize >= blocks / 2;
}
