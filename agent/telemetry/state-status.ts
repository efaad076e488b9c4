/** The state directory while the agent runs: whether somebody deleted what is in there, and what that cost. */
import { utcText } from '../model/utc-text.ts';
import type { NumbersOf, STATE } from './numbers.ts';

export interface StateStatus extends NumbersOf<typeof STATE> {
  /** What is missing and cannot be made again, and why. */
  readonly failing: string | null;
  /** When something was made again last. */
  readonly remadeSeconds: number | null;
}

export const STATE_IN_PLACE: StateStatus = { failing: null, remade: 0, remadeSeconds: null };

/**
 * Undefined: nothing is missing.
 *
 * @param isLimited Landlock lets the agent write in the directory that was there at its start, and in no other
 */
export function stateFailure(
  { failing }: Pick<StateStatus, 'failing'>,
  isLimited: boolean,
): { readonly message: string; readonly advice: string } | undefined {
  if (failing === null) return undefined;
  return {
    message: `Files of the state directory were deleted and cannot be recreated; a stop would lose data in memory: ${failing}`,
    advice: isLimited
      ? 'If the whole directory was deleted, restart flowlogd at once: its files are limited to the former one, and what closes until then is lost. Else correct the permissions; flowlogd picks it up automatically.'
      : 'Recreate the directory for the user of flowlogd (install -d -o USER), or correct its permissions; flowlogd picks it up automatically.',
  };
}

/** What was pending in the spool and is gone; undefined: nothing. */
export function vanishedLoss(
  spool: {
    readonly vanishedBatches: number;
    readonly vanishedPackets: number;
    readonly vanishedUnaccountedBatches: number;
  },
  { remadeSeconds }: StateStatus,
): { readonly message: string; readonly advice: string } | undefined {
  const { vanishedBatches, vanishedPackets, vanishedUnaccountedBatches } = spool;
  if (vanishedBatches === 0) return undefined;
  const unknown = vanishedUnaccountedBatches === 0 ? '' : ` (unknown for ${vanishedUnaccountedBatches} of them)`;
  const when = remadeSeconds === null ? '' : ` (last at ${utcText(remadeSeconds)})`;
  return {
    message: `${vanishedBatches} pending batches with ${vanishedPackets} packets${unknown} were deleted from the spool before delivery${when}.`,
    advice: 'Find what deletes files of the state directory (a cleaning job, tmpfiles.d); these records are lost.',
  };
}
