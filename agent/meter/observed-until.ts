/**
 * How far an observation point has been observed, over all runs: one small mapped file for each, POINT.seen.
 *
 *     0     header block: the point's key, and the boot in which the words were written
 *     4096  until    float64, Unix seconds: everything that arrived a grace earlier was taken in; written every round
 *     4104  synced   float64: `until` as of the last time that all tables were surely on the disk (table-sync.ts)
 *
 * At a start the time since then is the gap. After a kill that is `until`; after a reboot the page cache may have gone with
 * what was counted since `synced`, so the gap begins there.
 */
import { decodeHeader, encodeHeader, PAGE_BYTES } from './header-block.ts';

export const UNTIL_AT = PAGE_BYTES;
export const SYNCED_AT = UNTIL_AT + 8;
export const OBSERVED_UNTIL_BYTES = 2 * PAGE_BYTES;
export const OBSERVED_UNTIL_SUFFIX = '.seen';

/** The content of a new file: observed so far until `untilSeconds`, 0 for never. */
export function encodeObservedUntil(point: string, bootId: string, untilSeconds: number): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(OBSERVED_UNTIL_BYTES);
  file.set(encodeHeader({ point, bootId }));
  new Float64Array(file.buffer, UNTIL_AT, 2).fill(untilSeconds);
  return file;
}

/** Since when the point is not observed: Unix seconds, undefined where nobody knows. */
export function absentSince(file: Uint8Array, point: string, bootId: string): number | undefined {
  const header = decodeHeader(file);
  if (header.kind !== 'header' || file.length < OBSERVED_UNTIL_BYTES) return undefined;
  const found = header.value as { readonly point: string; readonly bootId: string };
  if (found.point !== point) return undefined;
  const [until = 0, synced = 0] = new Float64Array(new Uint8Array(file.subarray(UNTIL_AT, UNTIL_AT + 16)).buffer);
  const since = found.bootId === bootId ? until : Math.min(until, synced);
  return Number.isFinite(since) && since > 0 ? since : undefined;
}
