import { describe, expect, test } from 'vitest';
import { beginText, eventText, programTitle, writingText } from '../../../agent/debug/messages.ts';
import type { DebugPlan } from '../../../agent/debug/plan.ts';
import type { TapEvent } from '../../../agent/meter/tap-event.ts';
import { FLOW_LOG_DEFAULTS } from '../../../agent/model/flow-log.ts';

const PLAN = { interfaceNames: ['eth0', 'lo'], durationSeconds: 60, program: [] as string[] } as unknown as DebugPlan;
const POINT = {
  flowLog: { ...FLOW_LOG_DEFAULTS, id: 'debug', accountId: '-', windowSeconds: 2 },
  interfaceId: 'eth0',
  interfaceName: 'eth0',
};

/** Of every kind there is: another kind does not compile without its sentence. */
const EVENTS: { readonly [K in TapEvent['kind']]: readonly [Extract<TapEvent, { kind: K }>, string | undefined] } = {
  attached: [{ kind: 'attached' }, undefined],
  live: [{ kind: 'live', live: new SharedArrayBuffer(8) }, undefined],
  resumed: [{ kind: 'resumed', gapSeconds: 8 }, undefined],
  'memory-only': [{ kind: 'memory-only', reason: 'ENOSPC' }, undefined],
  persisted: [{ kind: 'persisted', memoryOnlyTables: 2 }, undefined],
  'before-attach': [
    { kind: 'before-attach', packets: 1, gapSeconds: 0.2 },
    '1 packet passed eth0 before capture began.',
  ],
  waiting: [
    { kind: 'waiting', reason: 'Capturing on eth0 failed: no such device.' },
    'Capturing on eth0 failed: no such device.',
  ],
  detached: [{ kind: 'detached', reason: 'eth0 disappeared.' }, 'eth0 disappeared. Capture resumes when eth0 returns.'],
  're-attached': [{ kind: 're-attached', gapSeconds: 3.14 }, 'Capture on eth0 resumed, after a gap of 3.1 s.'],
  'verdicts-lost': [
    { kind: 'verdicts-lost', reason: 'Group 5 is taken.' },
    'Group 5 is taken. NFLOG unavailable; rejected packets recorded as ACCEPT.',
  ],
  'verdicts-back': [{ kind: 'verdicts-back', gapSeconds: 4 }, 'NFLOG available again, after 4.0 s.'],
  jumped: [{ kind: 'jumped', reason: 'suspended', gapSeconds: 60 }, 'Capture gap of 60.0 s: suspended.'],
  'set-back': [{ kind: 'set-back', seconds: 7 }, 'Clock set back by 7.0 s.'],
};

describe('what happens in a run', () => {
  test.each(Object.entries(EVENTS))('is a sentence, or nothing that a user can act on: %s', (_kind, [event, text]) => {
    expect(eventText(POINT, event)).toBe(text);
  });
});

describe('a run', () => {
  test('says where it captures, and how long', () => {
    expect(beginText(PLAN)).toBe('Capturing on eth0, lo for 60 s; Ctrl-C stops.');
    expect(beginText({ ...PLAN, program: ['curl', '-v'] })).toBe(
      'Capturing on eth0, lo while curl runs, at most 60 s; Ctrl-C stops.',
    );
  });

  test('does not claim that all traffic is that of its program', () => {
    expect(programTitle(PLAN)).toBeUndefined();
    expect(programTitle({ ...PLAN, program: ['curl'] })).toBe(
      'All traffic on eth0 and lo while curl ran, including other programs.',
    );
  });

  test('says how far its file of packets is, and why there is no more in it', () => {
    const writing = (progress: object) =>
      writingText({
        ...PLAN,
        recording: {
          path: 'x.pcap',
          bytesMax: 1_048_576,
          progress: { packets: 1200, bytes: 98_304, leftOut: 0, failure: 0, ...progress } as never,
        },
      });
    expect(writingText({ ...PLAN, recording: undefined })).toBeUndefined();
    expect(writing({})).toBe('Wrote 1,200 packets, 98.3 kB to x.pcap.');
    expect(writing({ leftOut: 1 })).toBe(
      'Wrote 1,200 packets, 98.3 kB to x.pcap, size limit 1.0 MB (--write-max) reached; 1 packet not written.',
    );
    expect(writing({ failure: -28 })).toBe(
      'Writing x.pcap failed (ENOSPC) after 1,200 packets, 98.3 kB; records are not affected.',
    );
  });
});
