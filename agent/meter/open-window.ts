/**
 * The tables of a window as they are while the data plane counts into them, from the files of the window (window-file.ts).
 *
 * Of each table the largest one in use is read. The next larger one may stand behind it, empty; and while a table moves to it, it has
 * fewer packets than the one before.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SLOT_LAYOUTS } from '../flow/slot-key.ts';
import type { TableSlots } from '../flow/table-cursor.ts';
import { tableParts } from '../flow/table-parts.ts';
import { isSystemError } from '../model/system-error.ts';
import type { ReadInto, SettledSlots } from './settled-slots.ts';
import type { ReadRange } from './stored-table.ts';
import { LARGE_TABLE_BYTES } from './table-memory.ts';
import type { PersistedWindow } from './window-file.ts';
import { readIdentity, type TablePlace, tablePlaces } from './window-file-reader.ts';

/** Between two tables there are fewer, on every machine. */
const BLANK_PAGES_MAX = 64;
/** A table in use of which nothing is in so many bytes does not exist: flows are spread by a hash. */
const PROBE_BYTES = 64 * 1024;

interface Source {
  readonly fileDescriptor: number;
  readonly place: TablePlace;
}

export class OpenWindow {
  readonly #settled: SettledSlots;
  #window: PersistedWindow | undefined;
  /** Bytes of the table that is in use, by what it is of. */
  readonly #inUse = new Map<string, number>();

  constructor(settled: SettledSlots) {
    this.#settled = settled;
  }

  /** Undefined until it was read. */
  get window(): PersistedWindow | undefined {
    return this.#window;
  }

  /**
   * Undefined where the files cannot be read now, or hold more.
   *
   * @param paths the file with the ledger first
   * @param bytesMax of all tables
   */
  read(paths: readonly string[], bytesMax: number): readonly TableSlots[] | undefined {
    const opened: number[] = [];
    try {
      for (const path of paths) opened.push(openSync(path, 'r'));
      const sources = opened.map((fileDescriptor) => this.#sources(fileDescriptor));
      return sources.some((found) => found === undefined)
        ? undefined
        : this.#tables(
            sources.flatMap((found) => found ?? []),
            bytesMax,
          );
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return undefined;
    } finally {
      for (const fileDescriptor of opened) closeSync(fileDescriptor);
    }
  }

  #sources(fileDescriptor: number): readonly Source[] | undefined {
    const { size } = fstatSync(fileDescriptor);
    const read = rangeOf(fileDescriptor);
    const identity = readIdentity(read);
    if (identity === undefined) return undefined;
    this.#window ??= identity.window;
    const places = [...tablePlaces(read, identity.tablesAt, size, BLANK_PAGES_MAX)];
    return places.flatMap((place) => (typeof place === 'string' ? [] : [{ fileDescriptor, place }]));
  }

  #tables(sources: readonly Source[], bytesMax: number): readonly TableSlots[] | undefined {
    const byTable = new Map<string, Source[]>();
    for (const source of sources) {
      const key = keyOf(source.place);
      if (source.place.bytes < (this.#inUse.get(key) ?? 0) || isUnused(source)) continue;
      byTable.set(key, [...(byTable.get(key) ?? []), source]);
    }
    if ([...this.#inUse.keys()].some((key) => !byTable.has(key))) return undefined;
    // Of two sizes both are read: one of them is being moved to.
    const chosen = [...byTable].map(([key, found]) => [key, found.slice(-2)] as const);
    const bytes = chosen.flatMap(([, found]) => found).reduce((sum, { place }) => sum + place.bytes, 0);
    if (bytes > bytesMax) return undefined;
    const tables = chosen.map(([key, found]) => this.#fullest(key, found));
    return tables.some((table) => table === undefined)
      ? undefined
      : inOrder(tables.filter((table) => table !== undefined));
  }

  #fullest(key: string, sources: readonly Source[]): TableSlots | undefined {
    let best: { readonly slots: TableSlots; readonly packets: number; readonly bytes: number } | undefined;
    for (const { fileDescriptor, place } of sources) {
      const { family, rejection, at, bytes, notesWire } = place;
      const { words, further } = tableParts(family, new Int32Array(bytes / 4), notesWire);
      const read = (into: Uint8Array, position: number) => readSync(fileDescriptor, into, 0, into.length, position);
      if (!this.#settled.read(read, at, family, words)) return undefined;
      if (further !== undefined && !isFilled(further, read, at + words.byteLength)) return undefined;
      const packets = packetsIn(family, words);
      if (best === undefined || packets >= best.packets) {
        best = { slots: { family, words, further, rejection }, packets, bytes };
      }
    }
    if (best !== undefined) this.#inUse.set(key, best.bytes);
    return best?.slots;
  }
}

function keyOf({ family, rejection }: TablePlace): string {
  return `${rejection?.number ?? ''}/${family}`;
}

/** Those of the tap first, as cursors want them. */
function inOrder(tables: readonly TableSlots[]): readonly TableSlots[] {
  const isOfTap = ({ rejection }: TableSlots) => rejection === undefined;
  return [...tables.filter(isOfTap), ...tables.filter((table) => !isOfTap(table))];
}

/** Made ready before it is needed. */
function isUnused({ fileDescriptor, place }: Source): boolean {
  if (place.bytes < LARGE_TABLE_BYTES) return false;
  const probe = Buffer.alloc(PROBE_BYTES);
  readSync(fileDescriptor, probe, 0, PROBE_BYTES, place.at);
  return probe.every((byte) => byte === 0);
}

/** These are right at any moment, each by itself. */
function isFilled({ buffer, byteOffset, byteLength }: Float64Array, read: ReadInto, position: number): boolean {
  return read(new Uint8Array(buffer, byteOffset, byteLength), position) === byteLength;
}

function packetsIn(family: 4 | 6, words: Int32Array): number {
  const { words: slotWords, state } = SLOT_LAYOUTS[family];
  let packets = 0;
  for (let at = state; at < words.length; at += slotWords) if (words[at] !== 0) packets += words[at + 1]! >>> 0;
  return packets;
}

function rangeOf(fileDescriptor: number): ReadRange {
  return (position, bytes) => {
    const found = Buffer.alloc(bytes);
    return new Uint8Array(found.buffer, found.byteOffset, readSync(fileDescriptor, found, 0, bytes, position));
  };
}
