/**
 * The file of one window that is not in the spool yet, in the folder `tables/` of the state directory or, in memory, in that of
 * `table.directory`. There is one for each revision of a window:
 *
 *     STEM.window     STEM = WINDOWSTART-RUN-POINT-REVISION
 *
 *     header block    PersistedWindow
 *     ledger          two snapshots of it, in turn (ledger-snapshot.ts); whole pages
 *     registers       one page: the coarsened keys (flow/key-sketch.ts)
 *     table ...       header block (PersistedTable), then slots and what is behind them (flow/table-parts.ts), at a multiple of the kernel's page;
 *                     between two tables there may be zeros
 *
 * A table that grows goes to the end of the file and leaves its smaller one behind, so at any moment one of them holds everything. Which
 * one needs no mark: it is the one with the most packets. The next larger one may stand there already, empty. Where memory has no room for more tables they continue in STEM.window-1 on
 * disk, a file of the same layout whose ledger nobody writes.
 */
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { SKETCH_BYTES } from '../flow/key-sketch.ts';
import { slotsIn } from '../flow/table-parts.ts';
import { notesWire, type ObservationPoint } from '../model/flow-log.ts';
import type { MemoryPlaces } from '../model/memory-places.ts';
import type { NumberedRejection } from '../model/rejection.ts';
import { isSystemError } from '../model/system-error.ts';
import type { TableMemory, TablePages, TablePurpose } from '../model/table-memory.ts';
import { encodeHeader, LAYOUT_VERSION, LAYOUT_WITHOUT_WIRE } from './header-block.ts';
import { LedgerSnapshot, SNAPSHOT_NUMBERS, type SnapshotShape, snapshotRoom } from './ledger-snapshot.ts';
import { mapNewFile, writeAll } from './mapped-file.ts';
import { mapTable, type PageMapper } from './table-memory.ts';

export interface PersistedWindow {
  readonly hostId: string;
  readonly runId: string;
  readonly point: ObservationPoint;
  readonly windowStart: number;
  readonly revision: number;
  readonly ruleNames: readonly string[];
}

/** The text of its header: which numbers the snapshots have, too. */
export type WindowHeader = PersistedWindow & SnapshotShape;

export interface PersistedTable {
  readonly family: 4 | 6;
  readonly slots: number;
  readonly rejection?: NumberedRejection | undefined;
  /** From layout 5 on: whether it has columns of what is on the wire. */
  readonly notesWire?: true;
}

export interface WindowFileName {
  readonly stem: string;
  readonly windowStart: number;
  readonly runId: string;
  readonly revision: number;
  /** 0 for the file with the ledger. */
  readonly part: number;
}

const NAME = /^((-?\d{1,15})-([0-9a-z]+)-[0-9a-f]{16}-(\d{1,9}))\.window(?:-(\d{1,3}))?$/;

/** Tells observation points apart in names of files, whatever characters their identifiers have. */
export function pointKey({ flowLog, interfaceId, interfaceName }: ObservationPoint): string {
  const identity = JSON.stringify([flowLog.id, interfaceId, interfaceName]);
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

export function stemOf(window: Pick<PersistedWindow, 'runId' | 'point' | 'windowStart' | 'revision'>): string {
  return `${window.windowStart}-${window.runId}-${pointKey(window.point)}-${window.revision}`;
}

export function windowFileName(stem: string, part = 0): string {
  return part === 0 ? `${stem}.window` : `${stem}.window-${part}`;
}

/** Undefined for a name that is not ours. */
export function parseWindowFileName(name: string): WindowFileName | undefined {
  const [, stem, start, runId, revision, part = '0'] = NAME.exec(name) ?? [];
  if (stem === undefined || runId === undefined) return undefined;
  return { stem, windowStart: Number(start), runId, revision: Number(revision), part: Number(part) };
}

/** Bytes from the end of the header block to the first table. */
export function bytesBeforeTables(shape: SnapshotShape): number {
  return snapshotRoom(shape) + SKETCH_BYTES;
}

/** The file as the run that makes it writes it. */
export class WindowFile {
  readonly window: PersistedWindow;
  readonly path: string;
  readonly ledger: LedgerSnapshot;
  readonly registers: Uint8Array;
  /** An earlier flowlogd can read what has nothing of the later one. */
  readonly #layout: number;
  readonly #mapper: PageMapper;
  readonly #places: MemoryPlaces | undefined;
  /** Open from the first table on: a window without packets holds none. */
  #fileDescriptor: number | undefined;
  readonly #head: ArrayBuffer;
  readonly #headBytes: number;
  #end: number;

  /** @throws what the system refuses; there is no file then */
  constructor(folder: string, window: PersistedWindow, part: number, mapper: PageMapper, places?: MemoryPlaces) {
    const described: WindowHeader = { ...window, numbers: SNAPSHOT_NUMBERS };
    const layout = notesWire(window.point.flowLog) ? LAYOUT_VERSION : LAYOUT_WITHOUT_WIRE;
    const header = encodeHeader(described, layout);
    const headBytes = header.length + bytesBeforeTables(described);
    this.window = window;
    this.#layout = layout;
    this.path = `${folder}/${windowFileName(stemOf(window), part)}`;
    const buffer = mapNewFile(mapper, this.path, headBytes, header);
    this.ledger = new LedgerSnapshot(new Float64Array(buffer, header.length), window.ruleNames);
    this.registers = new Uint8Array(buffer, headBytes - SKETCH_BYTES);
    this.#mapper = mapper;
    this.#places = places;
    this.#head = buffer;
    this.#headBytes = headBytes;
    this.#end = headBytes;
  }

  /** One table more. @throws what the system refuses; the file is as it was then */
  allocate(bytes: number, { family, rejection, notesWire = false }: TablePurpose): TableMemory {
    const mapper = this.#mapper;
    this.#fileDescriptor ??= openSync(this.path, 'r+');
    const fileDescriptor = this.#fileDescriptor;
    const slots = slotsIn(family, bytes, notesWire);
    const described: PersistedTable = { family, slots, rejection, ...(notesWire ? { notesWire } : {}) };
    const header = encodeHeader(described, this.#layout);
    const pageBytes = mapper.pageBytes();
    const offset = Math.ceil((this.#end + header.length) / pageBytes) * pageBytes;
    try {
      mapper.reserveFile(fileDescriptor, header.length + bytes, offset - header.length);
      writeAll(fileDescriptor, header, offset - header.length);
      const { words, unmap: release } = mapTable(mapper, this.#places, { fileDescriptor, bytes, offset });
      const before = this.#end;
      const end = offset + bytes;
      this.#end = end;
      const handOver = (): TablePages => ({ kind: 'file', fileDescriptor, offset });
      const discard = () => {
        release();
        this.#shorten(end, before);
      };
      return { words, handOver, release, discard };
    } catch (error) {
      ftruncateSync(fileDescriptor, this.#end);
      throw error;
    }
  }

  /** Nothing more is written but what others have mapped. */
  unmapHead(): void {
    this.#mapper.unmap(this.#head);
  }

  /** Without what it ends with, unless more has come behind it or the disk refuses. A table that stays there is empty, and no harm. */
  #shorten(end: number, before: number): void {
    if (this.#end !== end) return;
    try {
      ftruncateSync(this.#fileDescriptor!, before);
      this.#end = before;
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  }

  /** Nobody needs the tables any more. Where the file stays for its ledger, it gives their room back. */
  close(): void {
    if (this.#fileDescriptor === undefined) return;
    try {
      ftruncateSync(this.#fileDescriptor, this.#headBytes);
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
    closeSync(this.#fileDescriptor);
  }
}
