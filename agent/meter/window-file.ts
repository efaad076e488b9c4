/**
 * The files of windows that are not yet in the spool, in the folder `tables/` of the state directory. For each window
 *
 *     STEM.window    header block (PersistedWindow), then its ledger as of the last round (ledger-notes.ts), then a page of
 *                    registers: the coarsened keys (flow/key-sketch.ts)
 *     STEM.ipv4-G    slots as in flow/key-layout.ts, then a header block (PersistedTable) of one page
 *     STEM.ipv6-G
 *     STEM.rejectN-ipv4-G, STEM.rejectN-ipv6-G
 *                    the same for packets that the packet filter rejected: N counts rules, and whether the tap saw them
 *     STEM = WINDOWSTART-RUN-POINT-REVISION
 *
 * and for each observation point POINT.seen (observed-until.ts). The window's file is made first and removed first, so a table
 * without one is what was left of a window that is safe elsewhere. G counts the sizes a table has had: one that grows leaves
 * its smaller ones behind until the window goes, so at any moment one of them holds everything. Which one needs no mark: it
 * is the one with the most packets.
 */
import { createHash } from 'node:crypto';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { NumberedRejection } from '../model/rejection.ts';

export interface PersistedWindow {
  readonly hostId: string;
  readonly runId: string;
  readonly point: ObservationPoint;
  readonly windowStart: number;
  readonly revision: number;
  readonly ruleNames: readonly string[];
}

export interface PersistedTable {
  readonly stem: string;
  readonly family: 4 | 6;
  readonly generation: number;
  readonly slots: number;
  readonly rejection?: NumberedRejection | undefined;
}

export interface TableName {
  readonly family: 4 | 6;
  readonly generation: number;
  /** The number of the rejection; undefined for a table of the tap. */
  readonly reject: number | undefined;
}

export interface FileName {
  readonly stem: string;
  readonly windowStart: number;
  readonly runId: string;
  readonly revision: number;
  /** Undefined for the window's own file. */
  readonly table: TableName | undefined;
}

/** Of the last copy that was made of a file which lives elsewhere (table-sync.ts). */
export const COPY_SUFFIX = '.copy';
const NAME = /^((-?\d{1,15})-([0-9a-z]+)-[0-9a-f]{16}-(\d{1,9}))\.(?:window|(?:reject(\d{1,4})-)?ipv([46])-(\d{1,3}))$/;

/** Tells observation points apart in names of files, whatever characters their identifiers have. */
export function pointKey({ flowLog, interfaceId, interfaceName }: ObservationPoint): string {
  const identity = JSON.stringify([flowLog.id, interfaceId, interfaceName]);
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

export function stemOf(window: Pick<PersistedWindow, 'runId' | 'point' | 'windowStart' | 'revision'>): string {
  return `${window.windowStart}-${window.runId}-${pointKey(window.point)}-${window.revision}`;
}

export function windowFileName(stem: string): string {
  return `${stem}.window`;
}

export function tableFileName({ stem, family, generation, rejection }: Omit<PersistedTable, 'slots'>): string {
  return `${stem}${tableExtension(family, rejection)}${generation}`;
}

/** Of all sizes that a table has. */
export function tableExtension(family: 4 | 6, rejection: NumberedRejection | undefined): string {
  return rejection === undefined ? `.ipv${family}-` : `.reject${rejection.number}-ipv${family}-`;
}

export function withoutCopySuffix(name: string): string {
  return name.endsWith(COPY_SUFFIX) ? name.slice(0, -COPY_SUFFIX.length) : name;
}

/** Undefined for a name that is not ours. */
export function parseFileName(name: string): FileName | undefined {
  const [, stem, start, runId, revision, reject, family, generation] = NAME.exec(name) ?? [];
  if (stem === undefined || runId === undefined) return undefined;
  const table =
    family === undefined
      ? undefined
      : {
          family: family === '4' ? (4 as const) : (6 as const),
          generation: Number(generation),
          reject: reject === undefined ? undefined : Number(reject),
        };
  return { stem, windowStart: Number(start), runId, revision: Number(revision), table };
}
