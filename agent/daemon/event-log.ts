/** What the threads tell, as lines of the log. The end of a trouble has the level of the trouble, so that who saw that sees this. */
import type { TapEvent } from '../meter/tap-event.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { RecorderMessage } from '../threads/recorder.ts';

export function logTapEvent(log: Log, point: ObservationPoint, event: TapEvent): void {
  const facts = { interface: point.interfaceName };
  switch (event.kind) {
    case 'attached':
      log.info('capturing', facts);
      break;
    case 'before-attach':
      log.warn('packets passed before capture began', {
        ...facts,
        packets: event.packets,
        gapSeconds: event.gapSeconds,
      });
      break;
    case 'waiting':
      log.warn('interface cannot be captured yet; retrying', { ...facts, reason: event.reason });
      break;
    case 'live':
      break;
    case 'detached':
      log.warn('capture ended, waiting for the interface', { ...facts, reason: event.reason });
      break;
    case 're-attached':
      log.warn('capturing again', { ...facts, gapSeconds: event.gapSeconds });
      break;
    case 'verdicts-lost':
      log.warn('what the packet filter rejects is taken for accepted: its log cannot be read', {
        ...facts,
        reason: event.reason,
      });
      break;
    case 'verdicts-back':
      log.warn('what the packet filter rejects is known again', { ...facts, gapSeconds: event.gapSeconds });
      break;
    case 'jumped':
      log.warn('time passed without capture', { ...facts, reason: event.reason, gapSeconds: event.gapSeconds });
      break;
    case 'set-back':
      log.warn('the clock was set back', { ...facts, seconds: event.seconds });
      break;
    case 'resumed':
      log.info('nobody captured since the run before', { ...facts, gapSeconds: event.gapSeconds });
      break;
    case 'memory-only':
      log.warn('open windows are in memory alone, where a kill would lose them: the disk refuses their files', {
        ...facts,
        reason: event.reason,
      });
      break;
    case 'persisted':
      log.warn('open windows are kept on disk again', { ...facts, memoryOnlyTables: event.memoryOnlyTables });
      break;
  }
}

export function logRecorder(log: Log, message: RecorderMessage): void {
  switch (message.kind) {
    case 'durable':
      log.debug('a window is in the spool', {
        interface: message.point.interfaceName,
        windowStart: message.windowStart,
        records: message.records,
      });
      break;
    case 'failing':
      log.error(message.message, { code: message.code });
      break;
    case 'well':
      log.error('the spool can be written again');
      break;
    case 'evicted':
      log.error('too many windows waited for the disk: the records of one are lost, its ledger says how many packets', {
        interface: message.point.interfaceName,
        windowStart: message.windowStart,
        packets: message.packets,
      });
      break;
    case 'set-aside':
      log.error('a file of an earlier run cannot be believed and was set aside: what it counted is not shipped', {
        file: message.file,
        reason: message.reason,
      });
      break;
    case 'newer':
      log.warn('an open window of a newer flowlogd stays in tables; install that version again', {
        file: message.file,
        reason: message.reason,
      });
      break;
    case 'unreadable':
      log.warn(
        'windows that an earlier run may have left open cannot be read: they stay where they are, it is tried again',
        {
          reason: message.reason,
        },
      );
      break;
    case 'recovered':
      log.info('windows that an earlier run left open are in the spool', { ...message.orphans });
      break;
    case 'ended':
      if (message.complete) break;
      log.error(
        'windows were still waiting for the disk at the end: the next start ships those that are kept on disk, the others are lost',
      );
      break;
  }
}
