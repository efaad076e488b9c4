import type { Store } from './store.ts';

/**
 * The packages of a store, oldest first, in steps that each take a moment: what is long goes step by step, and uploads take their turns
 * in between. A step has packages as a whole, so that one which lacks logs is never seen, not even after a kill.
 */
export interface StepLimits {
  /** The package that reaches it is the last one of its step. */
  readonly logs: number;
  readonly packages: number;
}

export interface PackageRange {
  /** Exclusive. */
  readonly after: bigint;
  /** Inclusive. */
  readonly last: bigint;
}

/** The first step of a range; undefined where no package is in it. */
export async function firstStep(
  store: Store,
  { after, last }: PackageRange,
  { logs, packages }: StepLimits,
): Promise<PackageRange | undefined> {
  const [[reached]] = (await store.read(
    `SELECT max(id) FROM (
       SELECT id, sum(logs) OVER (ORDER BY id) - logs AS logs_before
       FROM (SELECT id, logs FROM packages WHERE id > $1 AND id <= $2 ORDER BY id LIMIT ${packages}))
     WHERE logs_before < ${logs}`,
    [after, last],
  )) as [[bigint | null]];
  return reached === null ? undefined : { after, last: reached };
}

/** Before the first package that has logs. */
export async function beforeLogs(store: Store): Promise<bigint> {
  const [[first]] = (await store.read('SELECT min(package) FROM logs')) as [[bigint | null]];
  return (first ?? 0n) - 1n;
}

export async function lastPackage(store: Store): Promise<bigint> {
  const [[last]] = (await store.read('SELECT max(id) FROM packages')) as [[bigint | null]];
  return last ?? 0n;
}
