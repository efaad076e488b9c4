/** What is reported when files of the state directory were deleted while the agent runs: once in the log, and in the status. */
import type { Spool } from '../spool/spool.ts';
import type { Log } from '../telemetry/log.ts';
import { STATE_IN_PLACE, type StateStatus, stateFailure } from '../telemetry/state-status.ts';
import type { StatusCollector } from '../telemetry/status-collector.ts';
import type { StateWatchEvents } from './state-watch.ts';

const UNMADE = 'files of the state directory are missing and cannot be recreated; a stop would lose data in memory';

/**
 * @param isLimited whether Landlock holds the agent to the state directory that was there at its start
 * @param onRemade there may be something to send
 */
export function stateEvents(
  log: Log,
  status: Pick<StatusCollector, 'state'>,
  spool: Pick<Spool, 'counters' | 'noticeDeleted'>,
  isLimited: boolean,
  onRemade: () => void,
): StateWatchEvents {
  let state = STATE_IN_PLACE;
  let before = { ...spool.counters };
  const enter = (next: Partial<StateStatus>) => {
    state = { ...state, ...next };
    status.state(state);
  };
  return {
    onRemade(names) {
      const made = names.join(', ');
      enter({ remade: state.remade + 1, remadeSeconds: Math.floor(Date.now() / 1000) });
      log.error('files of the state directory were deleted or replaced; recreated, capture continues', {
        made,
        reason: `missing: ${made}`,
      });
      onRemade();
    },
    onState(failure) {
      enter({ failing: failure ?? null });
      const gone = stateFailure(state, isLimited);
      if (gone === undefined) log.info('state directory complete again');
      else log.error(UNMADE, { reason: failure, advice: gone.advice });
    },
    onLooked() {
      spool.noticeDeleted();
      const { vanished, vanishedPackets, vanishedUnaccounted } = spool.counters;
      if (vanished === before.vanished) return;
      log.error('pending batches were deleted from the spool before delivery', {
        lostBatches: vanished - before.vanished,
        lostPackets: vanishedPackets - before.vanishedPackets,
        unaccountedBatches: vanishedUnaccounted - before.vanishedUnaccounted,
        // Further losses are no repeats, and the last line that is written has all of them.
        reason: `since the start ${vanished} batches with ${vanishedPackets} packets, ${vanishedUnaccounted} of unknown content`,
      });
      before = { ...spool.counters };
    },
  };
}
