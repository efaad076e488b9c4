import { expect, test, vi } from 'vitest';
import { stateEvents } from '../../../agent/daemon/state-events.ts';
import { createLog } from '../../../agent/telemetry/log.ts';

interface Line {
  readonly message: string;
  readonly [fact: string]: unknown;
}

/** Events that write to the log that the agent has, at one moment. */
function watched() {
  const lines: Line[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Line) };
  const log = createLog({ level: 'info', nowMs: () => 0, destination } as never);
  const counters = { vanished: 0, vanishedPackets: 0, vanishedUnaccounted: 0 };
  const noticeDeleted = vi.fn();
  const spool = { counters, noticeDeleted } as never;
  const events = stateEvents(log, { state: () => undefined } as never, spool, true, () => undefined);
  return { lines, counters, noticeDeleted, events };
}

test('every loss is in the log, however shortly one follows the other', () => {
  const { lines, counters, events } = watched();
  events.onRemade(['spool']);
  for (const packets of [7, 8]) {
    counters.vanished += 1;
    counters.vanishedPackets += packets;
    events.onLooked();
    events.onLooked();
  }
  expect(lines.flatMap(({ lostPackets }) => lostPackets ?? [])).toEqual([7, 8]);
  expect(lines.at(-1)!['reason']).toContain('2 batches with 15 packets');
});

test('what was made again is in the log, though something else was a moment before', () => {
  const { lines, events } = watched();
  events.onRemade(['control socket']);
  events.onRemade(['state directory', 'spool']);
  expect(lines.map(({ made }) => made)).toEqual(['control socket', 'state directory, spool']);
});

test('what cannot be made again is in the log with what to do', () => {
  const { lines, events } = watched();
  events.onState('state directory: EACCES');
  events.onState(undefined);
  expect(lines).toMatchObject([
    { reason: 'state directory: EACCES', advice: expect.stringContaining('restart flowlogd at once') },
    { message: 'state directory complete again' },
  ]);
});

test('batches that somebody deleted are looked for at every look', () => {
  const { noticeDeleted, events } = watched();
  events.onLooked();
  expect(noticeDeleted).toHaveBeenCalledOnce();
});
