/** Records that a service rejects in a batch that it takes: counted and told, never sent again. */
import { expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../../agent/export/backoff.ts';
import { DIRECT_DEFAULTS, DirectDelivery } from '../../../agent/export/direct.ts';
import { sendWithinLimits } from '../../../agent/export/parts.ts';
import type { SendOutcome } from '../../../agent/model/sink.ts';
import { ACCEPTED, batch, FakeSink, RETRY, world } from '../../support/exporter-world.ts';
import { FakeTimers, settled } from '../../support/fake-timers.ts';
import { ROOMY } from '../../support/sink-limits.ts';

const rejecting = (records: number, reason = 'a time too old'): SendOutcome => ({
  kind: 'accepted',
  rejected: { records, reason },
});

it('leave with their batch, and are counted', async () => {
  const { exporter, sink, store, rejected, delivered } = world(['b1', 'b2']);
  sink.answer = (name) => (name === 'b1' ? rejecting(2) : { kind: 'accepted' });
  exporter.wake();
  await exporter.idle();
  expect(sink.sent).toEqual(['b1', 'b2']);
  expect(delivered).toEqual(['b1', 'b2']);
  expect(store.waiting.size).toBe(0);
  expect(rejected).toEqual(['b1: 2, a time too old']);
  expect(exporter.counters).toMatchObject({ rejectedRecords: 2, delivered: 2, quarantined: 0, retries: 0 });
});

it('of the parts of a batch add up, with the reason of the first', async () => {
  const sink = new FakeSink();
  sink.limits = { ...ROOMY, records: 2 };
  sink.answer = () => rejecting(sink.sent.length, `reason ${sink.sent.length}`);
  const outcome = await sendWithinLimits(sink, batch('b1', 6), new AbortController().signal);
  expect(sink.sent).toHaveLength(4);
  expect(outcome).toEqual({ kind: 'accepted', rejected: { records: 1 + 2 + 3 + 4, reason: 'reason 1' } });
});

it('are counted once of a batch that was taken in part', async () => {
  const { exporter, sink, store, timers, rejected } = world([]);
  store.waiting.set('b1', batch('b1', 2));
  sink.limits = { ...ROOMY, records: 1 };
  const answers: SendOutcome[] = [rejecting(1), RETRY];
  sink.answer = () => answers.shift() ?? ACCEPTED;
  exporter.wake();
  await timers.advance(DEFAULT_BACKOFF.initialMs);
  await settled();
  expect(store.waiting.size).toBe(0);
  expect(rejected).toEqual(['b1: 1, a time too old']);
  expect(exporter.counters).toMatchObject({ rejectedRecords: 1, partial: 1 });
});

it('end a delivery from memory with their number, after everything else was delivered', async () => {
  const sink = new FakeSink();
  sink.answer = (name) => (name === 'b1' ? rejecting(3) : { kind: 'accepted' });
  const delivery = new DirectDelivery({
    sink,
    timers: new FakeTimers(),
    random: () => 0.5,
    backoff: DEFAULT_BACKOFF,
    ...DIRECT_DEFAULTS,
  });
  await delivery.push(batch('b1'));
  await delivery.push(batch('b2'));
  await expect(delivery.drain()).rejects.toThrow('the service has all batches but rejected 3 records of them: a time');
  expect(sink.accepted.sort()).toEqual(['b1', 'b2']);
});
