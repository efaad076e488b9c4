import { describe, expect, test } from 'vitest';
import { logRecorder, logTapEvent } from '../../../agent/daemon/event-log.ts';
import type { TapEvent } from '../../../agent/meter/tap-event.ts';
import { FLOW_LOG_DEFAULTS } from '../../../agent/model/flow-log.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import type { RecorderMessage } from '../../../agent/threads/recorder.ts';
import { recordedLog } from '../../support/recorded-log.ts';

const LOOKED = {
  records: 9,
  skipped: 0,
  skippedWindows: 0,
  ahead: 0,
  invalidAddresses: 0,
  invalidNumbers: 0,
  invalidTimes: 0,
  late: 0,
  subjectsEvicted: 0,
  unreported: 0,
};
const POINT = {
  flowLog: { ...FLOW_LOG_DEFAULTS, id: 'fl-1', accountId: '-', windowSeconds: 60 },
  interfaceId: 'eni-1',
  interfaceName: 'eth0',
};

/** Of every kind there is: another kind does not compile without its line. */
const TAP_EVENTS: { readonly [K in TapEvent['kind']]: readonly [Extract<TapEvent, { kind: K }>, string | undefined] } =
  {
    attached: [{ kind: 'attached' }, 'info: capturing {"interface":"eth0"}'],
    'before-attach': [
      { kind: 'before-attach', packets: 5, gapSeconds: 0.2 },
      'warn: packets passed before capture started {"interface":"eth0","packets":5,"gapSeconds":0.2}',
    ],
    waiting: [
      { kind: 'waiting', reason: 'no such interface' },
      'warn: interface cannot be captured; retrying {"interface":"eth0","reason":"no such interface"}',
    ],
    live: [{ kind: 'live', live: new SharedArrayBuffer(8) }, undefined],
    detached: [
      { kind: 'detached', reason: 'it went down' },
      'warn: capture ended; retrying until the interface is back {"interface":"eth0","reason":"it went down"}',
    ],
    're-attached': [
      { kind: 're-attached', gapSeconds: 3 },
      'warn: capture resumed {"interface":"eth0","gapSeconds":3}',
    ],
    'verdicts-lost': [
      { kind: 'verdicts-lost', reason: 'group taken' },
      'warn: NFLOG unavailable; rejected packets recorded as ACCEPT {"interface":"eth0","reason":"group taken"}',
    ],
    'verdicts-back': [
      { kind: 'verdicts-back', gapSeconds: 4 },
      'warn: NFLOG available again; rejected packets recorded as REJECT {"interface":"eth0","gapSeconds":4}',
    ],
    jumped: [
      { kind: 'jumped', reason: 'suspended', gapSeconds: 60 },
      'warn: capture gap {"interface":"eth0","reason":"suspended","gapSeconds":60}',
    ],
    'set-back': [{ kind: 'set-back', seconds: 7 }, 'warn: clock set back {"interface":"eth0","seconds":7}'],
    resumed: [
      { kind: 'resumed', gapSeconds: 8 },
      'info: capture gap since the previous run {"interface":"eth0","gapSeconds":8}',
    ],
    'memory-only': [
      { kind: 'memory-only', reason: 'ENOSPC' },
      'warn: open windows not persisted: disk write failed; a crash would lose them {"interface":"eth0","reason":"ENOSPC"}',
    ],
    persisted: [
      { kind: 'persisted', memoryOnlyTables: 2 },
      'warn: open windows persisted again {"interface":"eth0","memoryOnlyTables":2}',
    ],
  };

type Message<K extends RecorderMessage['kind']> = Omit<Extract<RecorderMessage, { kind: K }>, 'status'>;
const WINDOW = { point: POINT, windowStart: 60 };
const RECOVERY = { windows: 2, batches: 3 };
const RECORDER_MESSAGES: { readonly [K in RecorderMessage['kind']]: readonly [Message<K>, string | undefined] } = {
  durable: [
    { kind: 'durable', ...WINDOW, records: 9, ledger: createLedger([]), entries: [], top: undefined },
    'debug: window written to the spool {"interface":"eth0","windowStart":60,"records":9}',
  ],
  failing: [
    { kind: 'failing', code: 'spool.unusable', message: 'Writing the spool failed.' },
    'error: Writing the spool failed. {"code":"spool.unusable"}',
  ],
  well: [{ kind: 'well' }, 'error: spool writable again'],
  detected: [
    {
      kind: 'detected',
      detected: {
        windowEnd: 120,
        signals: [],
        looked: LOOKED,
      },
    },
    undefined,
  ],
  findings: [{ kind: 'findings', entries: [], uids: ['a-1'] }, undefined],
  waiting: [{ kind: 'waiting' }, undefined],
  evicted: [
    { kind: 'evicted', ...WINDOW, packets: 12 },
    'error: too many windows pending for the disk; the records of one were evicted, its ledger has the number of packets ' +
      '{"interface":"eth0","windowStart":60,"packets":12}',
  ],
  quarantined: [
    { kind: 'quarantined', file: 'a.tables', reason: 'checksum' },
    'error: corrupt file of an earlier run moved to quarantine; its records are not delivered {"file":"a.tables","reason":"checksum"}',
  ],
  newer: [
    { kind: 'newer', file: 'a.tables', reason: 'layout 9' },
    'warn: open window of a newer flowlogd left in tables; install that version again {"file":"a.tables","reason":"layout 9"}',
  ],
  unreadable: [
    { kind: 'unreadable', reason: 'EACCES' },
    'warn: windows of a previous run cannot be read; left in place, retrying {"reason":"EACCES"}',
  ],
  recovered: [
    { kind: 'recovered', recovery: RECOVERY as never },
    `info: windows of a previous run recovered ${JSON.stringify(RECOVERY)}`,
  ],
  ended: [
    { kind: 'ended', complete: false },
    'error: windows not written to the spool at shutdown; the next start recovers the persisted ones, the others are lost',
  ],
};

describe('what happens to an observation point', () => {
  test.each(Object.entries(TAP_EVENTS))('is a line of the log: %s', (_kind, [event, line]) => {
    const log = recordedLog();
    logTapEvent(log, POINT, event);
    expect(log.lines).toEqual(line === undefined ? [] : [line]);
  });
});

describe('what the recorder says', () => {
  test.each(Object.entries(RECORDER_MESSAGES))('is a line of the log: %s', (_kind, [message, line]) => {
    const log = recordedLog();
    logRecorder(log, message as RecorderMessage);
    expect(log.lines).toEqual(line === undefined ? [] : [line]);
  });

  test('is nothing where it ends with everything written', () => {
    const log = recordedLog();
    logRecorder(log, { kind: 'ended', complete: true } as RecorderMessage);
    expect(log.lines).toEqual([]);
  });
});
