import type { Store } from './store.ts';
import type { Writer } from './writer.ts';

/**
 * Keeps the store bounded: what came too long ago goes, and where the rest is larger than it may be, the oldest of it goes.
 * Time is the time of arrival: the logs of an old capture file are not deleted because the capture is old.
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

export interface RetentionReport {
  readonly logsDeleted: number;
  readonly storeBytes: number;
}

export async function applyRetention(
  store: Store,
  writer: Writer,
  options: RetentionOptions,
  nowMs: number,
): Promise<RetentionReport> {
  const { logsDeleted, bytes } = await writer.exclusive(() => deleteOld(store, options, nowMs));
  const { storeBytesMax } = options;
  if (logsDeleted > 0 || bytes > storeBytesMax) {
    await store.gate.alone(() =>
      writer.exclusive(async () => {
        // Space of deleted logs can be used again only after a checkpoint.
        if (logsDeleted > 0) await store.checkpoint();
        if (bytes > storeBytesMax && (await storeBytes(store)) > storeBytesMax) await rewrite(store, writer);
      }),
    );
  }
  return { logsDeleted, storeBytes: await writer.exclusive(() => storeBytes(store)) };
}

async function deleteOld(
  store: Store,
  { retentionMs, storeBytesMax }: RetentionOptions,
  nowMs: number,
): Promise<{ logsDeleted: number; bytes: number }> {
  let logsDeleted = await deleteUpTo(store, await lastPackageBefore(store, BigInt(Math.trunc(nowMs - retentionMs))));
  const bytes = await storeBytes(store);
  if (bytes > storeBytesMax) {
    const share = 1 - (CUT_TO * storeBytesMax) / bytes;
    logsDeleted += await deleteUpTo(store, await lastPackageOfShare(store, share));
  }
  await forgetPackages(store);
  return { logsDeleted, bytes };
}

/**
 * Writes what is left anew. The database frees whole groups of 122,880 rows only: enough for flow records, of which a group
 * takes a few megabytes, but logs with long values may fill the whole store with one group.
 */
async function rewrite(store: Store, writer: Writer): Promise<void> {
  const { connection } = store;
  await connection.run('BEGIN');
  try {
    await connection.run('CREATE TABLE logs_kept AS SELECT * FROM logs');
    await connection.run('DROP TABLE logs');
    await connection.run('ALTER TABLE logs_kept RENAME TO logs');
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK');
    throw error;
  }
  writer.tableReplaced();
  await store.checkpoint();
}

/** Bytes in use: the file never shrinks, but what is free in it is used again. */
async function storeBytes(store: Store): Promise<number> {
  const [[blocks]] = (await store.rows('SELECT used_blocks * block_size FROM pragma_database_size()')) as [[bigint]];
  return Number(blocks) + store.changesBytes;
}

/**
 * The last of the packages that came before all that are young enough. One that came while the clock showed 1970, as after a
 * start without the time, says nothing of the age of those before it.
 */
async function lastPackageBefore(store: Store, receivedMs: bigint): Promise<bigint | null> {
  const rows = await store.rows(
    `SELECT max(id) FROM packages
     WHERE id < coalesce((SELECT min(id) FROM packages WHERE received_ms >= $1), (SELECT max(id) + 1 FROM packages))`,
    [receivedMs],
  );
  return rows[0]![0] as bigint | null;
}

/** The last of the packages that together hold this share of the logs, oldest first. */
async function lastPackageOfShare(store: Store, share: number): Promise<bigint | null> {
  const rows = await store.rows(
    `WITH counted AS (SELECT package, count(*) AS logs FROM logs GROUP BY package),
          summed AS (SELECT package, sum(logs) OVER (ORDER BY package) AS upto, sum(logs) OVER () AS total FROM counted)
     SELECT min(package) FROM summed WHERE upto >= total * $1`,
    [share],
  );
  return rows[0]![0] as bigint | null;
}

async function deleteUpTo(store: Store, packageId: bigint | null): Promise<number> {
  if (packageId === null) return 0;
  return (await store.connection.run('DELETE FROM logs WHERE package <= $1', [packageId])).rowsChanged;
}

/** Forgets packages without logs: those that nothing identifies, and the oldest beyond the limit. */
async function forgetPackages(store: Store): Promise<void> {
  await store.connection.run(
    `DELETE FROM packages WHERE id < (SELECT coalesce(min(package), 0) FROM logs)
     AND (pkg_id IS NULL OR id <= (SELECT max(id) FROM packages) - ${PACKAGES_REMEMBERED_MAX})`,
  );
}
