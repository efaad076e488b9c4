/**
 * Layout 3 of open windows, for those that were left open at an upgrade: each table had a file of its own, for each size it has had.
 *
 *     STEM.window                         as today, without tables; the revision was called piece
 *     STEM.ipv4-G, STEM.ipv6-G            slots, then a header block of one page
 *     STEM.rejectN-ipv4-G, ...ipv6-G      the same for rejected packets; N counts rules, and whether the tap saw them
 *     NAME.copy                           the copy on disk of a file in memory
 *
 * The window's file was made first and removed first. G counts the sizes.
 */
import { readdirSync, renameSync } from 'node:fs';
import { tableBytes } from '../flow/table-parts.ts';
import type { NumberedRejection } from '../model/rejection.ts';
import { decodeHeader, PAGE_BYTES } from './header-block.ts';
import { type ReadRange, type StoredSlots, slotsOf } from './stored-table.ts';
import type { PersistedWindow, WindowHeader } from './window-file.ts';

export const LAYOUT_3 = 3;

export interface Layout3TableName {
  readonly stem: string;
  readonly windowStart: number;
  readonly runId: string;
  readonly revision: number;
  readonly family: 4 | 6;
  readonly generation: number;
  /** The number of the rejection; undefined for a table of the tap. */
  readonly reject: number | undefined;
}

interface Layout3Table {
  readonly stem: string;
  readonly family: 4 | 6;
  readonly generation: number;
  readonly slots: number;
  readonly rejection?: NumberedRejection | undefined;
}

const COPY_SUFFIX = '.copy';
const TABLE_NAME = /^((-?\d{1,15})-([0-9a-z]+)-[0-9a-f]{16}-(\d{1,9}))\.(?:reject(\d{1,4})-)?ipv([46])-(\d{1,3})$/;

export function windowOfLayout3(value: unknown): WindowHeader {
  const { piece, ...window } = value as Omit<PersistedWindow, 'revision'> & { readonly piece: number };
  return { ...window, revision: piece };
}

/** Undefined for a name that is none of a table. */
export function parseLayout3Table(name: string): Layout3TableName | undefined {
  const [, stem, start, runId, revision, reject, family, generation] = TABLE_NAME.exec(name) ?? [];
  if (stem === undefined || runId === undefined) return undefined;
  return {
    stem,
    windowStart: Number(start),
    runId,
    revision: Number(revision),
    family: family === '4' ? 4 : 6,
    generation: Number(generation),
    reject: reject === undefined ? undefined : Number(reject),
  };
}

/** Or why it cannot be used; undefined where nothing was ever written. @param fileBytes of the whole file */
export function readLayout3Table(
  read: ReadRange,
  fileBytes: number,
  expected: Layout3TableName,
): StoredSlots | string | undefined {
  const bytes = Math.max(fileBytes - PAGE_BYTES, 0);
  const file = read(0, fileBytes);
  if (typeof file === 'string') return file;
  const header = decodeHeader(file.subarray(bytes));
  if (header.kind === 'damaged') return header.reason;
  if (header.kind === 'blank') return file.every((byte) => byte === 0) ? undefined : 'its header was never on the disk';
  if (header.kind === 'newer' || header.layout !== LAYOUT_3) return 'its layout is not that of its window';
  const { stem, family, generation, slots, rejection } = header.value as Layout3Table;
  const isExpected =
    stem === expected.stem &&
    family === expected.family &&
    generation === expected.generation &&
    rejection?.number === expected.reject;
  if (!isExpected) return 'its header is that of another table';
  if (tableBytes(family, slots, false) !== bytes) return 'it has not the size that it says';
  return slotsOf(file, { family, bytes, rejection });
}

/** Copies have the names of what they were copied from since. @throws what the file system throws */
export function renameFormerCopies(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.endsWith(COPY_SUFFIX)) renameSync(`${folder}/${name}`, `${folder}/${name.slice(0, -COPY_SUFFIX.length)}`);
  }
}
