/** Changes to the spool of an agent that does not run, under the lock that keeps it from starting meanwhile. */
import { statSync } from 'node:fs';
import type { RetryAnswer, RetryRequest } from '../control/spool-routes.ts';
import { OperationalError } from '../model/operational-error.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { retryQuarantined } from '../spool/retry.ts';
import { SPOOL_DEFAULTS, Spool } from '../spool/spool.ts';
import { sinksIn } from '../spool/spool-listing.ts';
import { lockSpool } from '../spool/spool-lock.ts';

/** @throws OperationalError `instance.running`, `spool.unusable` */
export function retryOffline(folder: string, request: RetryRequest): Promise<RetryAnswer> {
  return withSpool(folder, sinksIn(nodeDisk, folder), (spool) => retryQuarantined(spool, request));
}

/** Which sinks are configured is not known here: the one that is named counts as none. @throws OperationalError `instance.running`, `usage.invalid`, `spool.unusable` */
export function removeOffline(folder: string, sink: string): Promise<number> {
  const others = sinksIn(nodeDisk, folder).filter((name) => name !== sink);
  return withSpool(folder, others, (spool) => spool.removeSink(sink));
}

/** What another user writes there, root included, the agent could not read. */
function refuseOtherUser(folder: string): void {
  const owner = statSync(folder, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === process.geteuid?.()) return;
  throw new OperationalError(
    'spool.unusable',
    `The spool ${folder} belongs to the user with the number ${owner}: run the command as that user, e.g. sudo -u '#${owner}' flowlogd spool ...`,
  );
}

async function withSpool<Result>(
  folder: string,
  sinks: readonly string[],
  change: (spool: Spool) => Promise<Result>,
): Promise<Result> {
  refuseOtherUser(folder);
  const ignored = () => undefined;
  const spool = Spool.open({
    disk: nodeDisk,
    folder,
    sinks,
    // Its bound is the agent's, which is not known here: what is over it goes at the next start.
    bytesMax: Number.POSITIVE_INFINITY,
    quarantineBytesMax: SPOOL_DEFAULTS.quarantineBytesMax,
    now: Date.now,
    lock: (path) => lockSpool(path, loadCaptureAddon().lockFile),
    events: { onEvicting: ignored, onEvicted: ignored, onQuarantined: ignored },
  });
  try {
    while (!spool.isListed) spool.readSome();
    return await change(spool);
  } finally {
    spool.close();
  }
}
