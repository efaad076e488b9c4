/** The table of `flowlogd spool list`. */
import { alignRows } from '../cli/rows.ts';
import { utcText } from '../model/utc-text.ts';
import { humanBytes, humanCount } from '../record/human.ts';
import type { BatchState, ListedBatch } from '../spool/spool-listing.ts';
import { visible } from '../terminal/visible-text.ts';

/** `blocked`: the sink rejects uploads; `unconfigured`: the configuration does not name it. Both only while an agent runs. */
export type ListedState = BatchState | 'blocked' | 'unconfigured';

/** As `--json` writes it: members may be added, and none changes its meaning while `schema` stays the same. */
export interface SpoolList {
  readonly schema: 1;
  readonly folder: string;
  readonly agentRunning: boolean;
  /** Of each sink, oldest first, what is quarantined behind what is pending. */
  readonly batches: readonly (Omit<ListedBatch, 'state'> & { readonly state: ListedState })[];
  /** Further ones, beyond the limit. */
  readonly omitted: number;
}

const HEADING = ['SINK', 'BATCH', 'STATE', 'FLOW LOG', 'WINDOW', 'AGE', 'SIZE', 'RECORDS'];
/** Of its columns, those that are no numbers. */
const WORDS = 5;

export function formatSpool({ folder, batches, omitted }: SpoolList, nowSeconds: number): string {
  if (batches.length === 0) return `No batches in ${visible(folder)}.\n`;
  const rows = batches.map((batch) => [
    batch.sink,
    batch.batch,
    batch.state,
    batch.flowLogId ?? '?',
    windowOf(batch),
    ageText(nowSeconds - batch.spooledSeconds),
    humanBytes(batch.bytes),
    batch.records === null ? '?' : humanCount(batch.records),
  ]);
  const reasons = batches.flatMap(({ batch, reason }) => (reason === null ? [] : [visible(`  ${batch}: ${reason}`)]));
  const lines = [
    ...alignRows(HEADING, rows, WORDS),
    ...(reasons.length === 0 ? [] : ['', 'Reasons of quarantine:', ...reasons]),
    ...(omitted === 0 ? [] : ['', `${humanCount(omitted)} more: raise --limit, or name a --sink.`]),
  ];
  return `${lines.join('\n')}\n`;
}

function windowOf({ windowStart, windowSeconds }: Pick<ListedBatch, 'windowStart' | 'windowSeconds'>): string {
  return windowStart === null ? '?' : `${utcText(windowStart)} +${windowSeconds} s`;
}

function ageText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  return whole < 172_800 ? `${Math.floor(whole / 3600)} h` : `${Math.floor(whole / 86_400)} d`;
}
