/** Messages of the threads as lines of the log. The end of a problem has the level of the problem. */
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
      log.warn('packets passed before capture started', {
        ...facts,
        packets: event.packets,
        gapSeconds: event.gapSeconds,
      });
      break;
    case 'waiting':
      log.warn('interface cannot be captured; retrying', { ...facts, reason: event.reason });
      break;
    case 'live':
      break;
    case 'detached':
      log.warn('capture ended; retrying until the interface is back', { ...facts, reason: event.reason });
      break;
    case 're-attached':
      log.warn('capture resumed', { ...facts, gapSeconds: event.gapSeconds });
      break;
    case 'verdicts-lost':
      log.warn('NFLOG unavailable; rejected packets recorded as ACCEPT', {
        ...facts,
        reason: event.reason,
      });
      break;
    case 'verdicts-back':
      log.warn('NFLOG available again; rejected packets recorded as REJECT', {
        ...facts,
        gapSeconds: event.gapSeconds,
      });
      break;
    case 'jumped':
      log.warn('capture gap', { ...facts, reason: event.reason, gapSeconds: event.gapSeconds });
      break;
    case 'set-back':
      log.warn('clock set back', { ...facts, seconds: event.seconds });
      break;
    case 'resumed':
      log.info('capture gap since the previous run', { ...facts, gapSeconds: event.gapSeconds });
      break;
    case 'memory-only':
      log.warn('open windows not persisted: disk write failed; a crash would lose them', {
        ...facts,
        reason: event.reason,
      });
      break;
    case 'persisted':
      log.warn('open windows persisted again', { ...facts, memoryOnlyTables: event.memoryOnlyTables });
      break;
  }
}

export function logRecorder(log: Log, message: RecorderMessage): void {
  switch (message.kind) {
    case 'durable':
      log.debug('window written to the spool', {
        interface: message.point.interfaceName,
        windowStart: message.windowStart,
        records: message.records,
      });
      break;
    case 'failing':
      log.error(message.message, { code: message.code });
      break;
    case 'well':
      log.error('spool writable again');
      break;
    case 'evicted':
      log.error(
        'too many windows pending for the disk; the records of one were evicted, its ledger has the number of packets',
        {
          interface: message.point.interfaceName,
          windowStart: message.windowStart,
          packets: message.packets,
        },
      );
      break;
    case 'quarantined':
      log.error('corrupt file of an earlier run moved to quarantine; its records are not delivered', {
        file: message.file,
        reason: message.reason,
      });
      break;
    case 'newer':
      log.warn('open window of a newer flowlogd left in tables; install that version again', {
        file: message.file,
        reason: message.reason,
      });
      break;
    case 'unreadable':
      log.warn('windows of a previous run cannot be read; left in place, retrying', {
        reason: message.reason,
      });
      break;
    case 'recovered':
      log.info('windows of a previous run recovered', { ...message.recovery });
      break;
    case 'ended':
      if (message.complete) break;
      log.error(
        'windows not written to the spool at shutdown; the next start recovers the persisted ones, the others are lost',
      );
      break;
  }
}
