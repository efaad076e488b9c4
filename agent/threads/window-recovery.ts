/**
 * Windows that an earlier run left in `tables/` (meter/window-file.ts): it was killed, or ended while the disk refused. Each
 * is checked, and becomes a window for the recorder with its own identity of old: the run that counted it, its revision, its
 * slots in their order. So a window that was in the spool already when its run died, and one whose recovery is itself cut
 * short, come with the batches' same identities again, and the reader drops what it has.
 *
 * What is in the slots is what was counted; the ledger beside it is as old as the last round. Where the notes know of more
 * packets than the slots (pages that a power cut took), the rest is overflowed: the sum of what was offered holds.
 *
 * A window that a newer flowlogd left stays as it is, for that version: it is counted and told, once. A file that is damaged,
 * or of an earlier layout, is never read on: it is moved to `tables/quarantine/`, counted and told. Where
 * it is the window's own, its name still says which window of which point is lost: that gets a ledger with an unknown loss.
 * What refuses for reasons of its own (permissions, no file left to open) says nothing about a window: it stays where it is,
 * and is tried again.
 *
 * Bounds: one window's tables in memory at a time; the quarantine's bytes, over which its oldest windows go.
 */
import { basename } from 'node:path';
import type { HashSeed } from '../flow/hash.ts';
import { estimateKeys, SKETCH_BYTES } from '../flow/key-sketch.ts';
import { clearDamagedSlots, type SlotSums } from '../flow/slot-check.ts';
import type { TableSlots } from '../flow/table-cursor.ts';
import { decodeHeader, LAYOUT_VERSION, PAGE_BYTES } from '../meter/header-block.ts';
import { noteRoom, readNotes } from '../meter/ledger-notes.ts';
import { GRACE_SECONDS } from '../meter/rotation.ts';
import {
  COPY_SUFFIX,
  type FileName,
  type PersistedTable,
  type PersistedWindow,
  parseFileName,
  stemOf,
  type TableName,
} from '../meter/window-file.ts';
import { headerOf } from '../model/batch-id.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { createLedger, type Ledger } from '../model/ledger.ts';
import { isPassing, isSystemError } from '../model/system-error.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from '../spool/disk.ts';
import { firstPartOf, type RecordedWindow } from '../spool/recorder.ts';
import { enterVerdicts, recordsOf } from './mapped-window.ts';

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
  /** Files in the quarantine, and files that went from there to make room. */
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

const QUARANTINE_BYTES_MAX = 256 * 1024 ** 2;
const SLOT_BYTES = { 4: 32, 6: 64 } as const;

interface LeftWindow {
  readonly stem: string;
  readonly windowStart: number;
  readonly files: (FileName & { readonly path: string })[];
}

interface FoundTable extends TableSlots {
  readonly sums: SlotSums;
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
  /** Undefined: to be looked for. */
  #waiting: LeftWindow[] | undefined;
  /** Stems of those that were tried to the end, whose files may still be there where the disk refuses to remove them. */
  readonly #done = new Set<string>();
  #failure: string | undefined;

  /** Finds them, nothing more. */
  constructor(options: WindowRecoveryOptions) {
    this.#options = options;
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
   * it may be asked for again. Its files go when the recorder forgets and releases it, not before.
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

  get #quarantine(): string {
    return `${this.#options.folders.at(-1)}/quarantine`;
  }

  #find(): LeftWindow[] {
    const windows = new Map<string, LeftWindow>();
    for (const file of this.#options.folders.flatMap((folder) => this.#filesIn(folder))) {
      const { stem, windowStart } = file;
      const left = windows.get(stem) ?? { stem, windowStart, files: [] };
      left.files.push(file);
      windows.set(stem, left);
    }
    return [...windows.values()].sort((a, b) => a.windowStart - b.windowStart || (a.stem < b.stem ? -1 : 1));
  }

  #filesIn(folder: string): LeftWindow['files'] {
    const { disk, runId } = this.#options;
    try {
      return disk.list(folder).flatMap((name) => {
        const parsed = parseFileName(name);
        const isLeft = parsed !== undefined && parsed.runId !== runId && !this.#done.has(parsed.stem);
        return isLeft ? [{ ...parsed, path: `${folder}/${name}` }] : [];
      });
    } catch (error) {
      // Without a folder there is nothing to find.
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
      return [];
    }
  }

  #load(left: LeftWindow): RecordedWindow | undefined {
    const { files } = left;
    const own = files.find(({ table }) => table === undefined)?.path;
    // The window's file goes first: what is left without it is in the spool already.
    if (own === undefined) return this.#remove(files);
    const lost = (reason: string) => this.#lost(left, own, reason);
    const file = this.#read(own);
    if (typeof file === 'string') return lost(file);
    const header = decodeHeader(file);
    if (header.kind === 'blank' && files.length === 1) return this.#remove(files);
    if (header.kind === 'newer') return this.#stays(own, header.layout);
    if (header.kind !== 'header') {
      return lost(header.kind === 'blank' ? 'its header was never on the disk' : header.reason);
    }
    if (header.layout !== LAYOUT_VERSION) return lost(`an earlier flowlogd wrote it (layout ${header.layout})`);
    const window = header.value as PersistedWindow;
    const words = new Float64Array(
      file.buffer,
      file.byteOffset + header.bytes,
      Math.floor((file.length - header.bytes) / 8),
    );
    const note = readNotes(words, window.ruleNames);
    if (note.kind === 'damaged') return lost('its ledger is damaged');
    const tables = this.#bestTables(left, window.point.flowLog.windowSeconds);
    const ledger = settle(note.ledger, tables);
    ledger.coarsenedKeys = coarsenedKeys(file, header.bytes + noteRoom(window.ruleNames.length), ledger);
    enterVerdicts(ledger, tables, this.#options.hashSeed);
    if (!note.isClosed) addLastGap(ledger, window, note.untilSeconds);
    this.counters.packets += ledger.metered.packets;
    for (const { sums } of tables) {
      this.counters.records += sums.flows;
      this.counters.slotsDamaged += sums.damaged;
    }
    this.counters.windows += 1;
    return this.#recorded(left, window, ledger, tables, () => this.#unlink(own));
  }

  #recorded(
    { files }: LeftWindow,
    window: Omit<PersistedWindow, 'ruleNames'>,
    ledger: Ledger,
    tables: readonly FoundTable[],
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
      release: () => {
        for (const { path, table } of files) if (table !== undefined) this.#unlink(path);
      },
    };
  }

  /** The tap's, then those of rejected packets as they were made. */
  #bestTables({ stem, files }: LeftWindow, windowSeconds: number): FoundTable[] {
    const sizes = new Map<number, LeftWindow['files']>();
    for (const file of files) {
      if (file.table === undefined) continue;
      const key = order(file.table);
      sizes.set(key, [...(sizes.get(key) ?? []), file]);
    }
    return [...sizes]
      .sort(([left], [right]) => left - right)
      .map(([, each]) => this.#bestTable(stem, each, windowSeconds))
      .filter((table) => table !== undefined);
  }

  /**
   * Of the sizes that a table has had, the one that holds the most. A smaller one was whole before the next was begun, and
   * nothing was counted before that was whole in turn: until then it holds fewer packets, or as many and fewer bytes.
   */
  #bestTable(stem: string, files: LeftWindow['files'], windowSeconds: number): FoundTable | undefined {
    let best: FoundTable | undefined;
    for (const file of files.sort((a, b) => a.table!.generation - b.table!.generation)) {
      const slots = this.#slotsOf(stem, file);
      if (slots === undefined) continue;
      const sums = clearDamagedSlots(slots, windowSeconds);
      if (best === undefined || isMore(sums, best.sums)) best = { ...slots, sums };
    }
    return best;
  }

  #slotsOf(stem: string, { path, table }: LeftWindow['files'][number]): TableSlots | undefined {
    const file = this.#read(path);
    const found = typeof file === 'string' ? file : checkedSlots(file, { stem, ...table! });
    if (typeof found !== 'string') return found;
    this.#putAway(path, found);
    return undefined;
  }

  /** The content, or why it cannot be read. @throws what refuses for now alone */
  #read(path: string): Uint8Array | string {
    try {
      const bytes = this.#options.disk.readNow(path);
      return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
    } catch (error) {
      // Not only what the file system says: Node.js reads no file of 2 GiB at once.
      if (!isSystemError(error) || isPassing(error)) throw error;
      return error.message;
    }
  }

  #remove(files: LeftWindow['files']): undefined {
    for (const { path } of files) this.#unlink(path);
  }

  #stays(own: string, layout: number): undefined {
    this.counters.newer += 1;
    this.#options.onNewer(basename(own), `its layout is ${layout}, this version reads ${LAYOUT_VERSION}`);
  }

  /**
   * The window whose own file cannot be believed, as a ledger; undefined where no point of this run has that name, or where
   * the disk refuses. Its own file goes last, when the ledger is durable: without it, what stays would be taken for the rest
   * of a window that is safe.
   */
  #lost(left: LeftWindow, own: string, reason: string): RecordedWindow | undefined {
    const { stem, windowStart, files } = left;
    const moved = files.filter(({ table }) => table !== undefined).map(({ path }) => this.#putAway(path, reason));
    this.#reportQuarantined(own, reason);
    if (!moved.every(Boolean)) return undefined;
    const { hostId, points } = this.#options;
    const { runId, revision } = files[0]!;
    const point = points.find((each) => stemOf({ runId, point: each, windowStart, revision }) === stem);
    if (point === undefined) {
      this.#move(own);
      return undefined;
    }
    const toSeconds = windowStart + point.flowLog.windowSeconds;
    const gaps = [{ fromSeconds: windowStart, toSeconds, reason: 'table-damaged' as const }];
    const ledger = { ...createLedger([]), dropsUnknown: true, gaps };
    this.counters.windowsLost += 1;
    return this.#recorded(left, { hostId, runId, point, windowStart, revision }, ledger, [], () => this.#move(own));
  }

  #putAway(path: string, reason: string): boolean {
    this.#reportQuarantined(path, reason);
    return this.#move(path);
  }

  #reportQuarantined(path: string, reason: string): void {
    this.counters.quarantined += 1;
    this.#options.onQuarantined(basename(path), reason);
  }

  /** Into the quarantine. False where the disk refuses: the file stays, and is looked at again at the next start. */
  #move(path: string): boolean {
    const { disk } = this.#options;
    try {
      disk.makeFolder(this.#quarantine);
      moveFile(disk, path, `${this.#quarantine}/${basename(path)}`);
      this.#trimQuarantine();
      return true;
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
      return false;
    }
  }

  #trimQuarantine(): void {
    const { disk, quarantineBytesMax = QUARANTINE_BYTES_MAX } = this.#options;
    const files = disk
      .list(this.#quarantine)
      .map((name) => ({ path: `${this.#quarantine}/${name}`, start: parseFileName(name)?.windowStart ?? 0 }))
      .map((file) => ({ ...file, bytes: disk.size(file.path) }))
      .sort((a, b) => a.start - b.start);
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files) {
      if (bytes <= quarantineBytesMax) return;
      unlinkIfThere(disk, file.path);
      bytes -= file.bytes;
      this.counters.deleted += 1;
    }
  }

  /** A file that the disk does not let go of comes again, and the reader drops what it brings. */
  #unlink(path: string): void {
    const { disk, folders } = this.#options;
    try {
      if (folders.length > 1) unlinkIfThere(disk, `${folders.at(-1)}/${basename(path)}${COPY_SUFFIX}`);
      unlinkIfThere(disk, path);
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
    }
  }
}

/** The slots, undefined where nothing was ever written, or why they cannot be believed. */
function checkedSlots(
  file: Uint8Array,
  expected: TableName & { readonly stem: string },
): TableSlots | string | undefined {
  const slotBytes = file.length - PAGE_BYTES;
  const header = decodeHeader(file.subarray(Math.max(slotBytes, 0)));
  if (header.kind === 'damaged') return header.reason;
  if (header.kind === 'newer') return 'its layout is not that of its window';
  if (header.kind === 'blank') return file.every((byte) => byte === 0) ? undefined : 'its header was never on the disk';
  const { stem, family, generation, slots, rejection } = header.value as PersistedTable;
  const isExpected =
    stem === expected.stem &&
    family === expected.family &&
    generation === expected.generation &&
    rejection?.number === expected.reject;
  if (!isExpected) return 'its header is that of another table';
  if (slots * SLOT_BYTES[family] !== slotBytes) return 'it has not the size that it says';
  return { family, words: new Int32Array(file.buffer, file.byteOffset, slotBytes / 4), rejection };
}

/** Tables of one window: the tap's first. */
function order({ reject, family }: TableName): number {
  return reject === undefined ? family - 8 : reject * 8 + family;
}

function isMore(left: SlotSums, right: SlotSums): boolean {
  return left.packets > right.packets || (left.packets === right.packets && left.bytes > right.bytes);
}

/** The ledger as noted, with what the slots really hold as metered. */
function settle(noted: Ledger, tables: readonly FoundTable[]): Ledger {
  const metered = { packets: 0, bytes: 0 };
  for (const { sums, rejection } of tables) {
    // What the tap saw is in its own tables.
    if (rejection?.wasTapped === true) continue;
    metered.packets += sums.packets;
    metered.bytes += sums.bytes;
  }
  const lostPackets = Math.max(0, noted.metered.packets - metered.packets);
  const lostBytes = Math.max(0, noted.metered.bytes - metered.bytes);
  return {
    ...noted,
    metered,
    coarsened: {
      packets: Math.min(noted.coarsened.packets, metered.packets),
      bytes: Math.min(noted.coarsened.bytes, metered.bytes),
    },
    overflowed: {
      packets: noted.overflowed.packets + lostPackets,
      bytes: noted.overflowed.bytes + (lostPackets > 0 ? lostBytes : 0),
    },
  };
}

/** Of a sketch that a power cut took there is less, or nothing; at the least one key and at the most one for each packet. */
function coarsenedKeys(file: Uint8Array, sketchAt: number, { coarsened }: Ledger): number {
  const keys = estimateKeys(file.subarray(sketchAt, sketchAt + SKETCH_BYTES));
  return Math.min(Math.max(keys, 1), coarsened.packets);
}

/** What arrived in the last moments of the run may not have been taken in; the time after that is the next run's to tell. */
function addLastGap(ledger: Ledger, { windowStart, point }: PersistedWindow, untilSeconds: number): void {
  const fromSeconds = Math.max(untilSeconds - GRACE_SECONDS, windowStart);
  const toSeconds = Math.min(untilSeconds, windowStart + point.flowLog.windowSeconds);
  if (fromSeconds < toSeconds) ledger.gaps.push({ fromSeconds, toSeconds, reason: 'agent-not-running' });
}

/** Also from one file system to another. */
function moveFile(disk: Disk, from: string, to: string): void {
  try {
    disk.rename(from, to);
  } catch (error) {
    if (!isFileSystemError(error) || error.code !== 'EXDEV') throw error;
    disk.create(to, [disk.readNow(from)]);
    disk.unlink(from);
  }
}
