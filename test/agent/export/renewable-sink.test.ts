import { describe, expect, test } from 'vitest';
import { RenewableSink } from '../../../agent/export/renewable-sink.ts';
import type { SendOutcome, Sink } from '../../../agent/model/sink.ts';

const BATCH = Uint8Array.of(1);
const SIGNAL = new AbortController().signal;
const ACCEPTED: SendOutcome = { kind: 'accepted' };
const BLOCKED: SendOutcome = { kind: 'blocked', reason: 'the key is wrong' };

/** Answers each attempt as the test says, when the test says. */
class Asked implements Sink {
  readonly description: string;
  readonly limits = { records: 1, bytes: 1, inFlight: 4 };
  readonly answers: ((outcome: SendOutcome) => void)[] = [];
  isClosed = false;

  constructor(description: string) {
    this.description = description;
  }

  send(): Promise<SendOutcome> {
    return new Promise((resolve) => this.answers.push(resolve));
  }

  probe(): Promise<never> {
    return this.send() as Promise<never>;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function renewable(look: (sink: RenewableSink) => void = () => undefined) {
  const before = new Asked('before');
  const sink: RenewableSink = new RenewableSink(before, async () => look(sink));
  return { before, sink };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a sink with other secrets', () => {
  test('gets what comes from then on, and what is on its way ends with the one before, which is closed then', async () => {
    const { before, sink } = renewable();
    const sent = [sink.send(BATCH, SIGNAL), sink.send(BATCH, SIGNAL)];
    const after = new Asked('after');
    sink.renew(after);
    expect(sink.description).toBe('after');
    const later = sink.send(BATCH, SIGNAL);
    before.answers[0]!(ACCEPTED);
    await sent[0];
    expect(before.isClosed).toBe(false);
    before.answers[1]!(ACCEPTED);
    await sent[1];
    expect([before.isClosed, before.answers.length, after.answers.length]).toEqual([true, 2, 1]);
    after.answers[0]!(ACCEPTED);
    await later;
    expect(after.isClosed).toBe(false);
    await sink.close();
    expect(after.isClosed).toBe(true);
  });

  test('is asked again at once what was rejected, by each that was on its way, and once each', async () => {
    const after = new Asked('after');
    let looks = 0;
    const { before, sink } = renewable((self) => {
      if (looks++ === 0) self.renew(after);
    });
    const sent = [sink.send(BATCH, SIGNAL), sink.probe(SIGNAL), sink.send(BATCH, SIGNAL)];
    for (const answer of before.answers) answer(BLOCKED);
    await settled();
    expect(after.answers).toHaveLength(3);
    after.answers[0]!(ACCEPTED);
    after.answers[1]!(BLOCKED);
    after.answers[2]!({ kind: 'retry', reason: 'busy' });
    expect((await Promise.all(sent)).map(({ kind }) => kind)).toEqual(['accepted', 'blocked', 'retry']);
    expect([before.isClosed, after.answers.length]).toEqual([true, 3]);
  });

  test('is looked for only where the service rejects, and what it rejects stays so where there are none', async () => {
    let looks = 0;
    const { before, sink } = renewable(() => looks++);
    for (const [index, outcome] of [ACCEPTED, { kind: 'retry', reason: 'busy' } as const, BLOCKED].entries()) {
      const sent = sink.send(BATCH, SIGNAL);
      before.answers[index]!(outcome);
      expect(await sent).toEqual(outcome);
    }
    expect([looks, before.answers.length, before.isClosed]).toEqual([1, 3, false]);
  });
});
