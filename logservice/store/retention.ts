import { beforeLogs, firstStep, type StepLimits } from './package-steps.ts';
import { type RewritingWriter, rewriteLogs } from './rewriting.ts';
import type { Store } from './store.ts';

/**
 * Keeps the store bounded: what came too long ago goes, and where the rest is larger than it may be, the oldest of it goes.
 * Time is the time of arrival: the logs of an old capture file are not deleted because the capture is old.
 *
 * It goes in steps, each a transaction of its own, and uploads take their turns between two of them. After a kill the oldest logs are gone
 * up to some package, and the next look continues there.
 *
 * Packages are remembered beyond their logs, so that a batch which an agent sends again after its logs were deleted is
 * still known; this memory, too, is bounded.
 */
export interface RetentionOptions {
  readonly retentionMs: number;
  readonly storeBytesMax: number;
}

export const PACKAGES_REMEMBERED_MAX = 500_000;
/** Cut a little below the limit, or every look would cut. */
const CUT_TO = 0.9;

/** To delete a log takes eight bytes of the log of changes, whatever is in it. */
const STEP: StepLimits = { logs: 100_000, packages: 5_000 };

export interface RetentionReport {
  readonly logsDeleted: number;
  readonly storeBytes: number;
  /** Turns between uploads that it took to delete, to write anew and to forget. */
  readonly steps: number;
}

export async function applyRetention(
  store: Store,
  writer: RewritingWriter,
  options: RetentionOptions,
  nowMs: number,
): Promise<RetentionReport> {
  const { storeBytesMax } = options;
  const deleted = await deleteOld(store, writer, options, nowMs);
  let steps = deleted.steps + (await forgetPackages(store, writer));
  // Space of deleted logs can be used again only after a checkpoint.
  if (deleted.logs > 0) await store.gate.alone(() => writer.exclusive(() => store.checkpoint()));
  if (deleted.bytes > storeBytesMax && (await storeBytes(store)) > storeBytesMax) {
    steps += await rewriteLogs(store, writer);
  }
  return { logsDeleted: deleted.logs, storeBytes: await storeBytes(store), steps };
}

interface Deleted {
  readonly logs: number;
  readonly steps: number;
}

/** Answers also how large the store was after what is too old had gone. */
async function deleteOld(
  store: Store,
  writer: RewritingWriter,
  { retentionMs, storeBytesMax }: RetentionOptions,
  nowMs: number,
): Promise<Deleted & { readonly bytes: number }> {
  const old = await deleteUpTo(store, writer, await lastPackageBefore(store, BigInt(Math.trunc(nowMs - retentionMs))));
  const bytes = await storeBytes(store);
  if (bytes <= storeBytesMax) return { ...old, bytes };
  const share = 1 - (CUT_TO * storeBytesMax) / bytes;
  const beyond = await deleteUpTo(store, writer, await lastPackageOfShare(store, share));
  return { logs: old.logs + beyond.logs, steps: old.steps + beyond.steps, bytes };
}

/** Bytes in use: the file never shrinks, but what is free in it is used again. */
async function storeBytes(store: Store): Promise<number> {
  const [[blocks]] = (await store.read('SELECT used_blocks * block_size FROM pragma_database_size()')) as [[bigint]];
  return Number(blocks) + store.changesBytes;
}

/**
 * The last of the packages that came before all that are young enough. One that came while the clock showed 1970, as after a
 * start without the time, says nothing of the age of those before it.
 */
async function lastPackageBefore(store: Store, receivedMs: bigint): Promise<bigint | null> {
  const rows = await store.read(
    `SELECT max(id) FROM packages
     WHERE id < coalesce((SELECT min(id) FROM packages WHERE received_ms >= $1), (SELECT max(id) + 1 FROM packages))`,
    [receivedMs],
  );
  return rows[0]![0] as bigint | null;
}

/** The last of the packages that together hold this share of the logs, oldest first. */
async function lastPackageOfShare(store: Store, share: number): Promise<bigint | null> {
  const rows = await store.read(
    `WITH summed AS (SELECT id, sum(logs) OVER (ORDER BY id) AS upto, sum(logs) OVER () AS total
                     FROM packages WHERE id >= (SELECT min(package) FROM logs))
     SELECT min(id) FROM summed WHERE upto >= total * $1`,
    [share],
  );
  return rows[0]![0] as bigint | null;
}

async function deleteUpTo(store: Store, writer: RewritingWriter, last: bigint | null): Promise<Deleted> {
  if (last === null) return { logs: 0, steps: 0 };
  let logs = 0;
  let after = await beforeLogs(store);
  for (let steps = 0; ; steps++) {
    const step = await firstStep(store, { after, last }, STEP);
    if (step === undefined) return { logs, steps };
    const deletion = () => store.connection.run('DELETE FROM logs WHERE package <= $1', [step.last]);
    logs += (await writer.exclusive(deletion)).rowsChanged;
    after = step.last;
  }
}

/** Forgets packages without logs: those that nothing identifies, and the oldest beyond the limit. Answers in how many steps. */
async function forgetPackages(store: Store, writer: RewritingWriter): Promise<number> {
  const withLogs = (await beforeLogs(store)) + 1n;
  const deletion = () =>
    store.connection.run(
      `DELETE FROM packages WHERE id IN (
         SELECT id FROM packages
         WHERE id < $1 AND (pkg_id IS NULL OR id <= (SELECT max(id) FROM packages) - ${PACKAGES_REMEMBERED_MAX})
         ORDER BY id LIMIT ${STEP.packages})`,
      [withLogs],
    );
  for (let steps = 0; ; steps++) {
    const { rowsChanged } = await writer.exclusive(deletion);
    if (rowsChanged < STEP.packages) return steps + 1;
  }
}
