import { beforeLogs, firstStep, lastPackage, type PackageRange, type StepLimits } from './package-steps.ts';
import { REWRITTEN, type Store } from './store.ts';
import type { Writer } from './writer.ts';

/**
 * Writes the logs anew, step by step while uploads come. The database frees whole groups of 122,880 rows only: enough for flow records,
 * of which a group takes a few megabytes, but logs with long values may fill the whole store with one group.
 *
 *     logs        what searches and uploads know
 *     logs_kept   the same in a table of its own, up to some package; takes the place of `logs` once it has all
 *
 * A kill in between leaves `logs` as it was; the next start removes the other one.
 *
 * A package has 6 MB at most.
 */
const STEP: StepLimits = { logs: 100_000, packages: 64 };
/** The copies go through the log of changes, which is to stay small. */
const CHANGES_BYTES = 16 * 1024 * 1024;

export type RewritingWriter = Pick<Writer, 'exclusive' | 'tableReplaced'>;

/** Answers how many steps it took. */
export async function rewriteLogs(store: Store, writer: RewritingWriter): Promise<number> {
  await writer.exclusive(() => store.connection.run(`CREATE TABLE ${REWRITTEN} AS SELECT * FROM logs LIMIT 0`));
  try {
    const { copied, steps } = await copyAll(store, writer, await beforeLogs(store));
    await store.gate.alone(() => writer.exclusive(() => replace(store, writer, copied)));
    return steps + 1;
  } catch (error) {
    await writer.exclusive(() => store.connection.run(`DROP TABLE IF EXISTS ${REWRITTEN}`));
    throw error;
  }
}

/** Up to the last package that there is at the start: uploads of small packages may come faster than they are copied. */
async function copyAll(
  store: Store,
  writer: RewritingWriter,
  start: bigint,
): Promise<{ readonly copied: bigint; readonly steps: number }> {
  const last = await lastPackage(store);
  let copied = start;
  let steps = 0;
  for (;;) {
    const step = await firstStep(store, { after: copied, last }, STEP);
    if (step === undefined) return { copied, steps };
    await writer.exclusive(() => copy(store, step));
    if (store.changesBytes > CHANGES_BYTES) {
      await store.gate.alone(() => writer.exclusive(() => store.checkpoint()));
    }
    copied = step.last;
    steps += 1;
  }
}

const LAST = 2n ** 63n - 1n;

async function copy(store: Store, { after, last }: PackageRange): Promise<void> {
  await store.connection.run(`INSERT INTO ${REWRITTEN} SELECT * FROM logs WHERE package > $1 AND package <= $2`, [
    after,
    last,
  ]);
}

/** With what came since the copy began, also while the last search ran. */
async function replace(store: Store, writer: RewritingWriter, copied: bigint): Promise<void> {
  const { connection } = store;
  await connection.run('BEGIN');
  try {
    await copy(store, { after: copied, last: LAST });
    await connection.run('DROP TABLE logs');
    await connection.run(`ALTER TABLE ${REWRITTEN} RENAME TO logs`);
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK');
    throw error;
  }
  writer.tableReplaced();
  await store.checkpoint();
}
