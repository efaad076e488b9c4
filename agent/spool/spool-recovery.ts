/**
 * What an earlier run left in the spool's folder, in bounded steps, so that hundreds of thousands of files block nothing: a generator
 * yields between two of them. While names are read the folder must not change.
 *
 *     takeOver     what a version without folders of sinks left goes to the first sink
 *     findBatches  of each sink: loss reports are taken up, what was on its way in goes, for the other sinks, too
 *     measure      the sizes, oldest first, beside the work of others
 */
import { type Disk, isThere, unlinkIfThere } from './disk.ts';
import { LossReports } from './loss-reports.ts';
import type { SinkQueue } from './sink-queue.ts';
import type { SpoolFolder } from './spool-folder.ts';
import { quarantineFolder } from './spool-layout.ts';
import { parseSpoolName, TEMPORARY_SUFFIX, wholesOf } from './spool-name.ts';

/** Names of one step: some milliseconds. */
const NAMES_AT_ONCE = 4096;
/** Files that are renamed in one step. */
const MOVES_AT_ONCE = 512;

/** Moves what lies in the spool's own folder to a sink; answers whether there was anything. @throws what the file system throws; it can be begun anew then */
export function* takeOver(folder: SpoolFolder, to: SpoolFolder): Generator<void, boolean> {
  const { disk, path } = folder;
  const isOfSpool = (name: string) => parseSpoolName(name) !== undefined || LossReports.isReport(name);
  const moved = yield* moveAll(disk, path, to.path, isOfSpool);
  const quarantine = quarantineFolder(path);
  const quarantined = isThere(disk, quarantine)
    ? yield* moveAll(disk, quarantine, quarantineFolder(to.path), () => true)
    : 0;
  if (quarantined > 0) folder.attempt(() => disk.removeFolder(quarantine));
  if (moved + quarantined === 0) return false;
  to.sync();
  folder.sync();
  return true;
}

function* moveAll(disk: Disk, from: string, to: string, isDue: (name: string) => boolean): Generator<void, number> {
  const names: string[] = [];
  let seen = 0;
  for (const name of disk.names(from)) {
    if (isDue(name)) names.push(name);
    else if (name.endsWith(TEMPORARY_SUFFIX)) unlinkIfThere(disk, `${from}/${name}`);
    if (++seen % NAMES_AT_ONCE === 0) yield;
  }
  for (const [index, name] of names.entries()) {
    // A report of that number is there where versions took turns: it goes first.
    if (!LossReports.isReport(name) || !isThere(disk, `${to}/${name}`)) disk.rename(`${from}/${name}`, `${to}/${name}`);
    if ((index + 1) % MOVES_AT_ONCE === 0) yield;
  }
  return names.length;
}

/**
 * The names of all batches of each queue, oldest first. Takes up the loss reports, and removes what was on its way in and the
 * pieces of a batch that is there whole.
 *
 * @throws what the file system throws; it can be begun anew then
 */
export function* findBatches(queues: readonly SinkQueue[]): Generator<void, ReadonlyMap<SinkQueue, readonly string[]>> {
  const found = new Map<SinkQueue, readonly string[]>();
  const uncommitted = new Map<SinkQueue, readonly string[]>();
  for (const queue of queues) {
    const { names, temporary } = yield* namesOf(queue);
    found.set(queue, names);
    uncommitted.set(queue, temporary);
  }
  for (const [queue, temporary] of uncommitted) {
    if (temporary.length > 0) removeUncommitted(queue, temporary, found);
  }
  return found;
}

interface Names {
  readonly names: readonly string[];
  /** Of files that were on their way in, without the suffix. */
  readonly temporary: readonly string[];
}

function* namesOf(queue: SinkQueue): Generator<void, Names> {
  const { disk, path } = queue.folder;
  const names: string[] = [];
  const pieces: string[] = [];
  const temporary: string[] = [];
  let run: string[] = [];
  let seen = 0;
  // Sorted runs make the sorting at the end a short one.
  const endRun = () => {
    for (const name of run.sort()) names.push(name);
    run = [];
  };
  for (const name of disk.names(path)) {
    const parsed = parseSpoolName(name);
    if (parsed !== undefined) run.push(name);
    else if (name.endsWith(TEMPORARY_SUFFIX)) temporary.push(name.slice(0, -TEMPORARY_SUFFIX.length));
    else if (LossReports.isReport(name)) queue.recoverReport(name);
    if (parsed !== undefined && parsed.piece !== '') pieces.push(name);
    if (++seen % NAMES_AT_ONCE !== 0) continue;
    endRun();
    yield;
  }
  endRun();
  names.sort();
  yield;
  return { names: removePartialSplits(queue, names, pieces), temporary };
}

function removePartialSplits({ folder }: SinkQueue, names: readonly string[], pieces: readonly string[]) {
  if (pieces.length === 0) return names;
  const all = new Set(names);
  const partial = new Set(pieces.filter((piece) => wholesOf(piece).some((whole) => all.has(whole))));
  for (const name of partial) unlinkIfThere(folder.disk, folder.file(name));
  return names.filter((name) => !partial.has(name));
}

/** What stands under a temporary name was not committed, and no exporter knows of it: what others have of it already goes first. */
function removeUncommitted(
  queue: SinkQueue,
  temporary: readonly string[],
  found: Map<SinkQueue, readonly string[]>,
): void {
  const due = new Set(temporary.filter((name) => parseSpoolName(name)?.piece === ''));
  for (const [other, names] of found) {
    if (other === queue) continue;
    const linked = names.filter((name) => due.has(name));
    if (linked.length === 0) continue;
    for (const name of linked) unlinkIfThere(other.folder.disk, other.folder.file(name));
    found.set(
      other,
      names.filter((name) => !due.has(name)),
    );
  }
  const { folder } = queue;
  for (const name of temporary) unlinkIfThere(folder.disk, folder.file(name) + TEMPORARY_SUFFIX);
}
