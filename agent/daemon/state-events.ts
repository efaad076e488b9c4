/** What is told when files of the state directory were deleted while the agent runs: once in the log, and in the status. */
import type { Spool } from '../spool/spool.ts';
import type { Log } from '../telemetry/log.ts';
import { STATE_IN_PLACE } from '../telemetry/state-status.ts';
import type { StatusKeeper } from '../telemetry/status.ts';
import type { StateWatchEvents } from './state-watch.ts';

/** @param onRemade there may be something to send */
export function stateEvents(
  log: Log,
  status: Pick<StatusKeeper, 'state'>,
  spool: Pick<Spool, 'counters'>,
  onRemade: () => void,
): StateWatchEvents {
  let state = STATE_IN_PLACE;
  let before = { ...spool.counters };
  const lossSince = () => {
    const { vanished, vanishedPackets, vanishedUnaccounted } = spool.counters;
    const loss = {
      lostBatches: vanished - before.vanished,
      lostPackets: vanishedPackets - before.vanishedPackets,
      unaccountedBatches: vanishedUnaccounted - before.vanishedUnaccounted,
    };
    before = { ...spool.counters };
    return loss;
  };
  return {
    onRemade(names) {
      state = { ...state, remade: state.remade + 1, remadeSeconds: Math.floor(Date.now() / 1000) };
      status.state(state);
      log.error('files of the state directory were deleted or replaced; capture continues, and they were made again', {
        made: names.join(', '),
        ...lossSince(),
      });
      onRemade();
    },
    onState(failure) {
      state = { ...state, failing: failure ?? null };
      status.state(state);
      if (failure === undefined) log.info('the state directory is complete again');
      else
        log.error(
          'files of the state directory are missing and cannot be made again; a stop would lose what is in memory',
          {
            reason: failure,
          },
        );
    },
  };
}
