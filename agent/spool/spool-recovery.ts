/**
 * What an earlier run left in the spool's folder, in bounded steps, so that hundreds of thousands of files stop nobody: the
 * generator yields between two of them. While it runs nobody else may work in the folder.
 */
import { unlinkIfThere } from './disk.ts';
import { LossReports } from './loss-reports.ts';
import type { SpoolFolder } from './spool-folder.ts';
import { parseSpoolName, TEMPORARY_SUFFIX, wholesOf } from './spool-name.ts';

/** Names of one step: some milliseconds. */
const NAMES_AT_ONCE = 4096;

/**
 * The names of all batches, oldest first. What was on its way in goes, and so do the pieces of a batch that is there whole.
 *
 * @param onReport takes up a loss report, before any batch is returned
 * @throws what the file system throws; it can be begun anew then
 */
export function* findBatches(folder: SpoolFolder, onReport: (name: string) => void): Generator<void, string[]> {
  const { disk } = folder;
  const names: string[] = [];
  const pieces: string[] = [];
  let run: string[] = [];
  let seen = 0;
  // Sorted runs make the sorting at the end a short one.
  const endRun = () => {
    for (const name of run.sort()) names.push(name);
    run = [];
  };
  for (const name of disk.names(folder.path)) {
    const parsed = parseSpoolName(name);
    if (parsed !== undefined) run.push(name);
    else if (name.endsWith(TEMPORARY_SUFFIX)) unlinkIfThere(disk, folder.file(name));
    else if (LossReports.isReport(name)) onReport(name);
    if (parsed !== undefined && parsed.piece !== '') pieces.push(name);
    if (++seen % NAMES_AT_ONCE !== 0) continue;
    endRun();
    yield;
  }
  endRun();
  const partial = piecesOfWholes(names, pieces);
  for (const name of partial) unlinkIfThere(disk, folder.file(name));
  names.sort();
  yield;
  return partial.size === 0 ? names : names.filter((name) => !partial.has(name));
}

function piecesOfWholes(names: readonly string[], pieces: readonly string[]): ReadonlySet<string> {
  if (pieces.length === 0) return new Set();
  const all = new Set(names);
  return new Set(pieces.filter((piece) => wholesOf(piece).some((whole) => all.has(whole))));
}
