import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logRecorder, logTapEvent } from '../../../agent/daemon/event-log.ts';
import { createLog, isJournal, type LogLevel } from '../../../agent/telemetry/log.ts';
import type { RecorderMessage } from '../../../agent/threads/recorder.ts';
import { observationPoint } from '../../support/agent-status.ts';

function collected(level: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const clock = { ms: Date.UTC(2024, 0, 1) };
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const timers: (() => void)[] = [];
  const after = (_delayMs: number, call: () => void) => void timers.push(call);
  /** A minute passes. */
  const passMinute = () => {
    clock.ms += 60_000;
    for (const call of timers.splice(0)) call();
  };
  return { lines, clock, passMinute, timers, log: createLog({ level, nowMs: () => clock.ms, destination, after }) };
}

describe('the log', () => {
  test('writes one JSON object a line with time, level, message and facts', () => {
    const { lines, log } = collected('info');
    log.info('capturing', { interface: 'eth0', snapBytes: 128 });
    log.debug('not asked for');
    log.error('upload failed', { error: new Error('reset') });
    expect(lines).toEqual([
      { level: 'info', time: '2024-01-01T00:00:00.000Z', interface: 'eth0', snapBytes: 128, message: 'capturing' },
      expect.objectContaining({ level: 'error', error: expect.objectContaining({ message: 'reset' }) }),
    ]);
  });

  test('hides secrets, also one level down', () => {
    const { lines, log } = collected('info');
    log.info('configured', {
      secretKey: 'hush',
      cls: { secretId: 'hush', topicId: 't' },
      headers: { Authorization: 'hush' },
    });
    expect(JSON.stringify(lines)).not.toContain('hush');
    expect(lines[0]).toMatchObject({ secretKey: '(hidden)', cls: { topicId: 't' } });
  });

  test('counts a line that repeats within a minute, per interface, and says how many there were', () => {
    const { lines, log, clock } = collected('info');
    for (let index = 0; index < 5; index++) log.warn('dropped', { interface: 'eth0', packets: index });
    log.warn('dropped', { interface: 'eth1' });
    clock.ms += 60_000;
    log.warn('dropped', { interface: 'eth0', packets: 9 });
    clock.ms += 60_000;
    log.warn('dropped', { interface: 'eth0' });
    expect(lines.map(({ interface: name, packets, repeated }) => [name, packets, repeated])).toEqual([
      ['eth0', 0, undefined],
      ['eth1', undefined, undefined],
      ['eth0', 9, 4],
      ['eth0', undefined, undefined],
    ]);
  });

  test('is not silenced by a clock that is set back', () => {
    const { lines, log, clock } = collected('info');
    log.info('a');
    clock.ms -= 3_600_000;
    log.info('a');
    expect(lines).toHaveLength(2);
  });
});

describe('a change of state', () => {
  const messages = (lines: readonly Record<string, unknown>[]) => lines.map(({ message }) => message);
  const eth0 = observationPoint('eth0');

  test('is written however soon it comes again: an interface that is lost twice within a minute', () => {
    const { lines, log } = collected('info');
    logTapEvent(log, eth0, { kind: 'attached' });
    for (let round = 0; round < 2; round++) {
      logTapEvent(log, eth0, { kind: 'detached', reason: 'it went away' });
      logTapEvent(log, eth0, { kind: 're-attached', gapSeconds: 1 });
    }
    expect(messages(lines).slice(1)).toEqual(
      new Array(2).fill(['capture ended; retrying until the interface is back', 'capture resumed']).flat(),
    );
  });

  test('is written at the level of its trouble, so that who sees that sees its end', () => {
    for (const level of ['warn', 'error'] as const) {
      const { lines, log } = collected(level);
      logRecorder(log, { kind: 'failing', code: 'spool.unusable', message: 'no room' } as RecorderMessage);
      logRecorder(log, { kind: 'well' } as RecorderMessage);
      logTapEvent(log, eth0, { kind: 'detached', reason: 'it went away' });
      logTapEvent(log, eth0, { kind: 're-attached', gapSeconds: 1 });
      expect(lines).toHaveLength(level === 'warn' ? 4 : 2);
    }
  });

  test('that is hidden by the level makes the next line no repeat', () => {
    const { lines, log } = collected('error');
    for (let round = 0; round < 2; round++) {
      log.info('reloading the configuration');
      log.error('configuration reload failed');
    }
    expect(messages(lines)).toEqual(['configuration reload failed', 'configuration reload failed']);
  });

  test('a changed reason is none that repeats, another request id is', () => {
    const { lines, log } = collected('info');
    for (const reason of ['401 A (request 1)', '401 A (request 2)', '403 B (request 3)', '401 A (request 4)']) {
      log.error('rejected', { sink: 's', reason });
    }
    expect(lines.map(({ reason }) => reason)).toEqual(['401 A (request 1)', '403 B (request 3)', '401 A (request 4)']);
  });

  test.each([50, 400])('of one of %i subjects that change all the time is the last word after a minute', (subjects) => {
    const { lines, log, passMinute } = collected('info');
    const points = Array.from({ length: subjects }, (_, index) => observationPoint(`eth${index}`));
    for (let round = 0; round < 20; round++) {
      for (const point of points) {
        logTapEvent(log, point, { kind: 'detached', reason: 'it went away' });
        logTapEvent(log, point, { kind: 're-attached', gapSeconds: 1 });
      }
    }
    expect(lines.length).toBeLessThanOrEqual(300);
    for (let minute = 0; minute < 3; minute++) passMinute();
    const last = new Map(lines.map(({ interface: name, message }) => [name, message]));
    last.delete(undefined);
    expect([...last.values()]).toEqual(new Array(subjects).fill('capture resumed'));
    expect(lines.length).toBeLessThanOrEqual(4 * 300);
  });
});

describe('a flood', () => {
  test('of different lines ends after 300 of a level in a minute, and the next minute says how many more there were', () => {
    const { lines, log, clock } = collected('info');
    for (let index = 0; index < 1000; index++) log.warn(`warning ${index}`);
    expect(lines).toHaveLength(300);
    log.error('an error is not silenced by warnings');
    expect(lines).toHaveLength(301);
    clock.ms += 60_000;
    log.warn('later');
    expect(lines.slice(301)).toEqual([
      expect.objectContaining({ level: 'warn', lines: 700, message: expect.stringContaining('suppressed') }),
      expect.objectContaining({ level: 'warn', message: 'later' }),
    ]);
  });

  test('is not made by interfaces that come and go', () => {
    const { lines, log, clock } = collected('info');
    const points = Array.from({ length: 50 }, (_, index) => observationPoint(`eth${index}`));
    for (let round = 0; round < 120; round++) {
      for (const point of points) {
        logTapEvent(log, point, { kind: 'detached', reason: `round ${round}` });
        logTapEvent(log, point, { kind: 're-attached', gapSeconds: 0.5 });
      }
      clock.ms += 500;
    }
    expect(lines.length).toBeLessThanOrEqual(2 * 300);
  });

  test('is not made by a disk that fails and heals, whatever file each failure names', () => {
    const { lines, log } = collected('info');
    for (let attempt = 0; attempt < 500; attempt++) {
      const message = `Working in the spool failed: ENOSPC, open '/state/spool/${attempt}'; make room.`;
      logRecorder(log, { kind: 'failing', code: 'spool.unusable', message } as RecorderMessage);
      logRecorder(log, { kind: 'well' } as RecorderMessage);
    }
    expect(lines).toHaveLength(2 * 5);
  });

  test('is what level debug asks for: every window and upload', () => {
    const { lines, log } = collected('debug');
    for (let index = 0; index < 1000; index++) log.debug('delivered', { batch: index });
    expect(lines).toHaveLength(1000);
  });
});

describe('a line', () => {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const options = { level: 'debug', nowMs: () => 0, destination } as const;

  test('is one line of printable characters, and says what was in it', () => {
    const hostile = fc.string({ unit: 'binary', maxLength: 40 });
    fc.assert(
      fc.property(hostile, hostile, (message, reason) => {
        createLog(options).debug(message, { reason });
        const line = written.pop()!;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(line.slice(0, -1)).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/);
        expect(JSON.parse(line)).toMatchObject({ message: message, reason });
      }),
    );
  });

  test('begins with its priority for the journal of systemd, and is the same line behind it', () => {
    const log = createLog({ ...options, priorities: true });
    for (const level of ['error', 'warn', 'info', 'debug'] as const) log[level]('said');
    expect(written.splice(0).map((line) => [line.slice(0, 3), JSON.parse(line.slice(3)).level])).toEqual([
      ['<3>', 'error'],
      ['<4>', 'warn'],
      ['<6>', 'info'],
      ['<7>', 'debug'],
    ]);
  });

  test('goes to the journal where systemd has connected this very stream to it', () => {
    expect(isJournal({ JOURNAL_STREAM: '8:1234' }, { dev: 8, ino: 1234 })).toBe(true);
    // A parent's variable, and a stream that was sent elsewhere since.
    expect(isJournal({ JOURNAL_STREAM: '8:1234' }, { dev: 8, ino: 99 })).toBe(false);
    expect(isJournal({}, { dev: 8, ino: 1234 })).toBe(false);
  });
});
