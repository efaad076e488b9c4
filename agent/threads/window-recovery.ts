/**
 * Windows that an earlier run left open (meter/window-file.ts): it was killed, or ended while the disk refused. Each
 * is checked, and becomes a window for the recorder with its own identity of old: the run that counted it, its revision, its
 * slots in their order. So a window that was in the spool already when its run died, and one whose recovery is itself cut
 * short, come with the batches' same identities again, and the reader drops what it has.
 *
 * A window that a newer flowlogd left stays as it is, for that version: it is counted and reported, once. A file that is damaged,
 * or of a layout before 3, goes to `tables/quarantine/`, counted and reported; what of its window is whole comes. Where nothing
 * is, its name still says which window of which point is lost: that gets a ledger with an unknown loss. What refuses for reasons of
 * its own (permissions, no file left to open) says nothing about a window: it stays where it is, and is tried again.
 *
 * Limits: one window's tables in memory at a time; the quarantine's bytes.
 */
import { basename } from 'node:path';
import type { HashSeed } from '../flow/hash.ts';
import { type Layout3TableName, parseLayout3Table, readLayout3Table } from '../meter/layout-3.ts';
import { bestTables, type RecoveredTable, type StoredSlots } from '../meter/stored-table.ts';
import { type PersistedWindow, parseWindowFileName, stemOf, type WindowFileName } from '../meter/window-file.ts';
import { readHead, tablesIn, type WindowHead } from '../meter/window-file-reader.ts';
import { headerOf } from '../model/batch-id.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { createLedger, type Ledger } from '../model/ledger.ts';
import { isPassing, isSystemError } from '../model/system-error.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from '../spool/disk.ts';
import { firstPartOf, type RecordedWindow } from '../spool/recorder.ts';
import { enterVerdicts, recordsOf } from './mapped-window.ts';
import { recoveredLedger } from './recovered-ledger.ts';
import { TableQuarantine } from './table-quarantine.ts';

export interface RecoveryCounters {
  /** Windows made whole again, with their records and packets. */
  windows: number;
  records: number;
  packets: number;
  /** Slots that could not be believed. */
  slotsDamaged: number;
  /** Windows of which nothing but a ledger of unknown loss is left. */
  windowsLost: number;
  /** Windows that stay for the newer flowlogd that left them. */
  newer: number;
  /** Damaged files, which go to the quarantine, and files that went from there to make room. */
  quarantined: number;
  deleted: number;
}

export interface WindowRecoveryOptions {
  readonly disk: Disk;
  /** Where runs leave windows. The last is on disk, and has copies of the others' files. */
  readonly folders: readonly string[];
  /** This run, whose files are its own. */
  readonly runId: string;
  readonly hostId: string;
  /** Of this run: names of files say which is theirs. */
  readonly points: readonly ObservationPoint[];
  readonly hashSeed: HashSeed;
  readonly onQuarantined: (file: string, reason: string) => void;
  /** A window stays for a newer flowlogd. */
  readonly onNewer: (file: string, reason: string) => void;
  readonly quarantineBytesMax?: number;
}

interface LeftFile {
  readonly name: WindowFileName | Layout3TableName;
  /** The first is read, the others are copies of it. */
  readonly paths: string[];
}

interface LeftWindow extends Pick<WindowFileName, 'stem' | 'windowStart' | 'runId' | 'revision'> {
  /** The one with the ledger first, where it is there. */
  readonly files: LeftFile[];
}

export class WindowRecovery {
  readonly counters: RecoveryCounters = {
    windows: 0,
    records: 0,
    packets: 0,
    slotsDamaged: 0,
    windowsLost: 0,
    newer: 0,
    quarantined: 0,
    deleted: 0,
  };
  readonly #options: WindowRecoveryOptions;
  readonly #quarantine: TableQuarantine;
  /** Undefined: to be looked for. */
  #waiting: LeftWindow[] | undefined;
  /** Stems of those that were tried to the end, whose files may still be there where the disk refuses to remove them. */
  readonly #done = new Set<string>();
  #failure: string | undefined;

  /** Finds them, nothing more. */
  constructor(options: WindowRecoveryOptions) {
    const { disk, folders, quarantineBytesMax } = options;
    const onDeleted = () => void this.counters.deleted++;
    this.#options = options;
    this.#quarantine = new TableQuarantine(disk, `${folders.at(-1)}/quarantine`, onDeleted, quarantineBytesMax);
    this.#attempt(() => {
      this.#waiting = this.#find();
    });
  }

  /** Why there may be more than can be read now. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * The next whole window, oldest first; undefined when there is none left, or none that can be read now (`failure`): then
   * it may be asked for again. Its files go when the recorder forgets it, not before.
   */
  next(): RecordedWindow | undefined {
    return this.#attempt(() => {
      this.#waiting ??= this.#find();
      for (let left = this.#waiting[0]; left !== undefined; left = this.#waiting[0]) {
        const window = this.#load(left);
        this.#waiting.shift();
        this.#done.add(left.stem);
        if (window !== undefined) return window;
      }
      return undefined;
    });
  }

  /** What fails for now begins anew, with what is there then. */
  #attempt<Result>(look: () => Result): Result | undefined {
    try {
      const found = look();
      this.#failure = undefined;
      return found;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#failure = error.message;
      this.#waiting = undefined;
      return undefined;
    }
  }

  #find(): LeftWindow[] {
    const windows = new Map<string, LeftWindow>();
    for (const path of this.#options.folders.flatMap((folder) => this.#pathsIn(folder))) {
      const name = parseWindowFileName(basename(path)) ?? parseLayout3Table(basename(path));
      if (name === undefined || name.runId === this.#options.runId || this.#done.has(name.stem)) continue;
      const window = windows.get(name.stem) ?? { ...name, files: [] };
      windows.set(name.stem, window);
      const original = window.files.find(({ paths }) => basename(paths[0]!) === basename(path));
      if (original === undefined) window.files.push({ name, paths: [path] });
      else original.paths.push(path);
    }
    for (const { files } of windows.values()) files.sort((left, right) => order(left) - order(right));
    return [...windows.values()].sort((a, b) => a.windowStart - b.windowStart || (a.stem < b.stem ? -1 : 1));
  }

  #pathsIn(folder: string): readonly string[] {
    try {
      return this.#options.disk.list(folder).map((name) => `${folder}/${name}`);
    } catch (error) {
      // Without a folder there is nothing to find.
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
      return [];
    }
  }

  #load(left: LeftWindow): RecordedWindow | undefined {
    const [own, ...others] = left.files as [LeftFile, ...LeftFile[]];
    // The file with the ledger goes first: what is left without it is in the spool already.
    if (order(own) !== 0) return this.#remove(left);
    const head = readHead(this.#reader(own));
    if (head.kind === 'head') return this.#recovered(left, head);
    if (head.kind === 'newer') return this.#stays(own, head.reason);
    if (head.kind === 'blank' && others.length === 0 && this.#isEmpty(own)) return this.#remove(left);
    return this.#lost(left, head.kind === 'blank' ? 'its header was never on the disk' : head.reason);
  }

  #recovered(left: LeftWindow, head: WindowHead): RecordedWindow {
    const { counters } = this;
    const damagedBefore = counters.quarantined;
    const tables = bestTables(this.#tablesOf(left, head), head.window.point.flowLog.windowSeconds);
    const ledger = recoveredLedger(head, tables);
    enterVerdicts(ledger, tables, this.#options.hashSeed);
    counters.windows += 1;
    counters.packets += ledger.metered.packets;
    for (const { sums } of tables) {
      counters.records += sums.flows;
      counters.slotsDamaged += sums.damaged;
    }
    const isDamaged = counters.quarantined > damagedBefore;
    return this.#recorded(head.window, ledger, tables, () => (isDamaged ? this.#putAway(left) : this.#remove(left)));
  }

  /** Of all sizes; those that are damaged are reported and left out. */
  *#tablesOf({ files }: LeftWindow, head: WindowHead): Generator<StoredSlots> {
    for (const file of files) {
      const reasons: string[] = [];
      for (const slots of this.#tablesIn(file, file === files[0] ? head : undefined)) {
        if (typeof slots === 'string') reasons.push(slots);
        else yield slots;
      }
      if (reasons[0] !== undefined) this.#reportDamaged(file, reasons[0]);
    }
  }

  *#tablesIn(file: LeftFile, known: WindowHead | undefined): Generator<StoredSlots | string> {
    const read = this.#reader(file);
    const bytes = this.#bytesOf(file);
    if ('family' in file.name) {
      const table = readLayout3Table(read, bytes, file.name);
      if (table !== undefined) yield table;
      return;
    }
    const head = known ?? readHead(read);
    if (head.kind === 'head') yield* tablesIn(read, head.tablesAt, bytes);
    else if (head.kind !== 'blank') yield head.reason;
  }

  /** Whether nothing was ever written to it: its writer died before. */
  #isEmpty(file: LeftFile): boolean {
    return tablesIn(this.#reader(file), 0, this.#bytesOf(file)).next().done === true;
  }

  #recorded(
    window: Omit<PersistedWindow, 'ruleNames'>,
    ledger: Ledger,
    tables: readonly RecoveredTable[],
    forget: () => void,
  ): RecordedWindow {
    const { point, windowStart, revision } = window;
    return {
      point,
      header: headerOf(window, point, windowStart),
      firstPart: firstPartOf(revision),
      ledger,
      heldBytes: tables.reduce((sum, { words }) => sum + words.byteLength, 0),
      records: () => recordsOf(tables, this.#options.hashSeed),
      forget,
      release: () => undefined,
    };
  }

  #stays(own: LeftFile, reason: string): undefined {
    this.counters.newer += 1;
    this.#options.onNewer(basename(own.paths[0]!), reason);
  }

  /** The window as a ledger; undefined where no point of this run has its name. */
  #lost(left: LeftWindow, reason: string): RecordedWindow | undefined {
    const { stem, windowStart, runId, revision, files } = left;
    const { hostId, points } = this.#options;
    for (const file of files) this.#reportDamaged(file, reason);
    const point = points.find((each) => stemOf({ runId, point: each, windowStart, revision }) === stem);
    if (point === undefined) {
      this.#putAway(left);
      return undefined;
    }
    const toSeconds = windowStart + point.flowLog.windowSeconds;
    const gaps = [{ fromSeconds: windowStart, toSeconds, reason: 'table-damaged' as const }];
    const ledger = { ...createLedger([]), dropsUnknown: true, gaps };
    this.counters.windowsLost += 1;
    return this.#recorded({ hostId, runId, point, windowStart, revision }, ledger, [], () => this.#putAway(left));
  }

  #reportDamaged({ paths }: LeftFile, reason: string): void {
    this.counters.quarantined += 1;
    this.#options.onQuarantined(basename(paths[0]!), reason);
  }

  /** @throws what refuses for now alone */
  #reader({ paths }: LeftFile): (position: number, bytes: number) => Uint8Array | string {
    return (position, bytes) => {
      try {
        return this.#options.disk.readNow(paths[0]!, bytes, position);
      } catch (error) {
        if (!isSystemError(error) || isPassing(error)) throw error;
        return error.message;
      }
    };
  }

  /** @throws what refuses for now alone */
  #bytesOf({ paths }: LeftFile): number {
    try {
      return this.#options.disk.size(paths[0]!);
    } catch (error) {
      if (!isSystemError(error) || isPassing(error)) throw error;
      return 0;
    }
  }

  /** Into the quarantine, the file with the ledger last: as long as it is there, the others are no rest. */
  #putAway({ files }: LeftWindow): void {
    for (const { paths } of files.toReversed()) {
      const [path, ...copies] = paths;
      for (const copy of copies) this.#unlessRefused(() => unlinkIfThere(this.#options.disk, copy));
      this.#unlessRefused(() => this.#quarantine.take(path!));
    }
  }

  /** Copies go before what they were copied from. */
  #remove({ files }: LeftWindow): undefined {
    for (const path of files.flatMap(({ paths }) => paths.toReversed())) {
      this.#unlessRefused(() => unlinkIfThere(this.#options.disk, path));
    }
  }

  /** A file that the disk does not let go of comes again at the next start, and the reader drops what it brings. */
  #unlessRefused(change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
    }
  }
}

/** 0 for the file with the ledger. */
function order({ name }: LeftFile): number {
  return 'family' in name ? name.generation + 1 : name.part;
}
