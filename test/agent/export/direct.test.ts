import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../../agent/export/backoff.ts';
import { DIRECT_DEFAULTS, DirectDelivery } from '../../../agent/export/direct.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import type { SendOutcome, Sink } from '../../../agent/model/sink.ts';
import { encodeBatches } from '../../../agent/wire/flow-batch.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { WINDOW_HEADER } from '../../support/batch-header.ts';
import { FakeTimers, settled } from '../../support/fake-timers.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { probeOpen, ROOMY } from '../../support/sink-limits.ts';

const RETRY: SendOutcome = { kind: 'retry', reason: 'ECONNREFUSED' };

function batch(part: number, records = 1): Uint8Array {
  let bytes = new Uint8Array(0);
  const cursor = cursorOver(Array.from({ length: records }, () => ({ ...createFlowRecord(), packets: 1 })));
  encodeBatches({ header: WINDOW_HEADER, cursor, ledger: undefined, firstPart: part }, (encoded) => {
    bytes = encoded.slice();
  });
  return bytes;
}

function world(answer: (reader: FlowBatchReader, attempt: number) => SendOutcome | Promise<SendOutcome>) {
  const timers = new FakeTimers();
  const sent: string[] = [];
  const load = { atOnce: 0, atOnceMax: 0 };
  const sink: Sink = {
    description: 'a fake',
    limits: ROOMY,
    probe: probeOpen,
    async send(bytes) {
      const reader = new FlowBatchReader(bytes);
      sent.push(`${reader.header.part}${reader.header.split}`);
      load.atOnceMax = Math.max(load.atOnceMax, ++load.atOnce);
      await settled();
      const outcome = await answer(reader, sent.length);
      load.atOnce--;
      return outcome;
    },
    close: async () => {},
  };
  const delivery = new DirectDelivery({
    sink,
    timers,
    random: () => 0.5,
    backoff: DEFAULT_BACKOFF,
    ...DIRECT_DEFAULTS,
  });
  return { delivery, timers, sent, load };
}

describe('direct delivery', () => {
  it('keeps no more in memory than it may, and delivers all', async () => {
    const { delivery, load, sent } = world(() => ({ kind: 'accepted' }));
    for (let part = 0; part < 50; part++) await delivery.push(batch(part));
    await delivery.drain();
    expect(delivery.delivered).toBe(50);
    expect(load.atOnceMax).toBe(ROOMY.inFlight);
    expect(new Set(sent).size).toBe(50);
  });

  it('makes who pushes wait while the service is slow', async () => {
    const answers: ((outcome: SendOutcome) => void)[] = [];
    const { delivery } = world(() => new Promise((resolve) => answers.push(resolve)));
    let pushed = 0;
    const pushing = (async () => {
      for (let part = 0; part < 6; part++) {
        await delivery.push(batch(part));
        pushed++;
      }
    })();
    for (let turn = 0; turn < 20; turn++) await settled();
    expect(pushed).toBe(ROOMY.inFlight - 1);
    while (delivery.delivered < 6) {
      answers.shift()?.({ kind: 'accepted' });
      await settled();
    }
    await pushing;
    await delivery.drain();
  });

  it('asks again after a while', async () => {
    const { delivery, timers, sent } = world((_reader, attempt) => (attempt < 4 ? RETRY : { kind: 'accepted' }));
    await delivery.push(batch(0));
    const drained = delivery.drain();
    for (let turn = 0; turn < 20; turn++) await timers.advance(500);
    await drained;
    expect(sent).toEqual(['0', '0', '0', '0']);
  });

  it('cuts what is too large', async () => {
    const { delivery, sent } = world((reader) =>
      reader.records > 1 ? { kind: 'too-large', reason: '413' } : { kind: 'accepted' },
    );
    await delivery.push(batch(7, 3));
    await delivery.drain();
    expect(sent).toEqual(['7', '70', '71', '710', '711']);
    expect(delivery.delivered).toBe(3);
  });

  it.each(['blocked', 'poison'] as const)('ends with the reason when the service answers %s', async (kind) => {
    const { delivery } = world(() => ({ kind, reason: '404 TopicNotExist' }));
    await delivery.push(batch(0));
    await expect(delivery.drain()).rejects.toMatchObject({
      code: 'sink.refused',
      message: expect.stringContaining('404 TopicNotExist'),
    });
    await expect(delivery.push(batch(1))).rejects.toMatchObject({ code: 'sink.refused' });
  });

  it('ends when the service takes nothing for too long', async () => {
    const { delivery, timers } = world(() => RETRY);
    await delivery.push(batch(0));
    const drained = expect(delivery.drain()).rejects.toMatchObject({
      code: 'sink.unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    for (let second = 0; second < 300; second++) await timers.advance(1000);
    await drained;
    expect(timers.nextMs).toBeUndefined();
  });

  it('ends at once when the service asks for more patience than there is', async () => {
    const { delivery } = world(() => ({ ...RETRY, afterMs: 3_600_000 }));
    await delivery.push(batch(0));
    await expect(delivery.drain()).rejects.toMatchObject({ code: 'sink.unreachable' });
  });

  it('can be given up', async () => {
    const { delivery, timers } = world(() => RETRY);
    await delivery.push(batch(0));
    for (let turn = 0; turn < 5; turn++) await settled();
    await delivery.abort();
    expect(timers.nextMs).toBeUndefined();
  });

  it('sends what remains of a batch that was taken in part, after a wait', async () => {
    const rest = [batch(8), batch(9)];
    const { delivery, timers, sent } = world((reader) =>
      reader.header.part === 1 ? { kind: 'partial', rest, reason: 'full' } : { kind: 'accepted' },
    );
    const pushed = delivery.push(batch(1)).then(() => delivery.drain());
    await settled();
    await timers.advance(DEFAULT_BACKOFF.initialMs);
    await settled();
    await pushed;
    expect(sent).toEqual(['1', '8', '9']);
  });
});
