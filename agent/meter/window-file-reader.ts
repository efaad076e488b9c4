/** Reads what another run wrote into the files of a window (window-file.ts), perhaps not to the end. */
import { tableBytes } from '../flow/table-parts.ts';
import {
  decodeHeader,
  type FoundHeader,
  headerBytes,
  isPresentLayout,
  LAYOUT_VERSION,
  PAGE_BYTES,
} from './header-block.ts';
import { LAYOUT_3, windowOfLayout3 } from './layout-3.ts';
import { type FoundSnapshot, readSnapshot, snapshotRoom } from './ledger-snapshot.ts';
import { type ReadRange, type StoredSlots, slotsOf } from './stored-table.ts';
import { bytesBeforeTables, type PersistedTable, type PersistedWindow, type WindowHeader } from './window-file.ts';

export interface WindowHead {
  readonly kind: 'head';
  readonly layout: number;
  readonly window: PersistedWindow;
  readonly snapshot: Extract<FoundSnapshot, { readonly kind: 'snapshot' }>;
  /** Of the coarsened keys. */
  readonly registers: Uint8Array;
  readonly tablesAt: number;
}

export type FoundHead =
  | WindowHead
  /** Only the flowlogd that wrote it can read it. */
  | { readonly kind: 'newer'; readonly reason: string }
  | Extract<FoundHeader, { readonly kind: 'blank' | 'damaged' }>;

/** What stands before the tables. */
export function readHead(read: ReadRange): FoundHead {
  const header = readHeader(read, 0);
  if (header.kind === 'newer') return newer(`its layout is ${header.layout}, this version reads ${LAYOUT_VERSION}`);
  if (header.kind !== 'header') return header;
  const { layout, bytes, value } = header;
  if (!isPresentLayout(layout) && layout !== LAYOUT_3)
    return damaged(`an earlier flowlogd wrote it (layout ${layout})`);
  const window = layout === LAYOUT_3 ? windowOfLayout3(value) : (value as WindowHeader);
  const rest = read(bytes, bytesBeforeTables(window));
  if (typeof rest === 'string') return damaged(rest);
  const snapshot = readSnapshot(new Float64Array(rest.buffer, rest.byteOffset, rest.length >>> 3), window);
  if (snapshot.kind === 'newer') {
    return newer(`this version does not know the numbers ${snapshot.numbers.join(', ')} of its ledger`);
  }
  if (snapshot.kind === 'damaged') return damaged('its ledger is damaged');
  const registers = rest.subarray(snapshotRoom(window));
  return { kind: 'head', layout, window, snapshot, registers, tablesAt: bytes + rest.length };
}

/** The identity alone, which never changes; undefined where another layout or a half-written block stands there. */
export function readIdentity(read: ReadRange): Pick<WindowHead, 'window' | 'tablesAt'> | undefined {
  const header = readHeader(read, 0);
  if (header.kind !== 'header' || !isPresentLayout(header.layout)) return undefined;
  const window = header.value as WindowHeader;
  return { window, tablesAt: header.bytes + bytesBeforeTables(window) };
}

/** Where a table is in a file. */
export interface TablePlace extends Pick<PersistedTable, 'family'> {
  readonly rejection: PersistedTable['rejection'];
  /** Of its first slot. */
  readonly at: number;
  readonly bytes: number;
  readonly notesWire: boolean;
}

/**
 * The tables between two places of a file, in the order in which they were begun; in the place of one that is damaged, why. The
 * next is looked for then.
 */
export function* tablesIn(read: ReadRange, from: number, to: number): Generator<StoredSlots | string> {
  for (const place of tablePlaces(read, from, to)) {
    yield typeof place === 'string' ? place : slotsOf(read(place.at, place.bytes), place);
  }
}

/** The same without their slots. @param blankPagesMax without a table, after which none is looked for */
export function* tablePlaces(
  read: ReadRange,
  from: number,
  to: number,
  blankPagesMax = Number.POSITIVE_INFINITY,
): Generator<TablePlace | string> {
  let isDamaged = false;
  let blankPages = 0;
  for (let at = from; at < to && blankPages < blankPagesMax; ) {
    const header = readHeader(read, at);
    if (header.kind === 'header' && isPresentLayout(header.layout)) {
      const { family, slots, rejection, notesWire = false } = header.value as PersistedTable;
      const bytes = tableBytes(family, slots, notesWire);
      yield { family, rejection, at: at + header.bytes, bytes, notesWire };
      at += header.bytes + bytes;
      isDamaged = false;
      blankPages = 0;
      continue;
    }
    const isBlank = header.kind === 'blank' && isZero(read(at, PAGE_BYTES));
    if (!isBlank && !isDamaged) yield reasonOf(header);
    isDamaged ||= !isBlank;
    blankPages++;
    at += PAGE_BYTES;
  }
}

function readHeader(read: ReadRange, at: number): FoundHeader {
  const page = read(at, PAGE_BYTES);
  if (typeof page === 'string') return damaged(page);
  const bytes = headerBytes(page);
  const block = bytes > PAGE_BYTES ? read(at, bytes) : page;
  return typeof block === 'string' ? damaged(block) : decodeHeader(block);
}

function isZero(page: Uint8Array | string): boolean {
  return typeof page !== 'string' && page.every((byte) => byte === 0);
}

function reasonOf(header: FoundHeader): string {
  if (header.kind === 'blank') return 'its header was never on the disk';
  return header.kind === 'damaged' ? header.reason : 'its layout is not that of its window';
}

function newer(reason: string): Extract<FoundHead, { readonly kind: 'newer' }> {
  return { kind: 'newer', reason };
}

function damaged(reason: string): Extract<FoundHeader, { readonly kind: 'damaged' }> {
  return { kind: 'damaged', reason };
}
