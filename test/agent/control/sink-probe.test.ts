import { describe, expect, test } from 'vitest';
import { SinkProbe } from '../../../agent/control/sink-probe.ts';
import type { ProbeOutcome } from '../../../agent/model/sink.ts';

const answering = (outcome: ProbeOutcome) => new SinkProbe({ probe: async () => outcome });

describe('a probe of the topic', () => {
  test.each<[ProbeOutcome, unknown]>([
    [{ kind: 'accepted' }, 'open'],
    [
      { kind: 'blocked', reason: '401 SecretIdNotFound' },
      { kind: 'refused', reason: '401 SecretIdNotFound' },
    ],
    [
      { kind: 'retry', reason: 'ECONNREFUSED' },
      { kind: 'unreachable', reason: 'ECONNREFUSED' },
    ],
  ])('takes %o for %o', async (outcome, answer) => {
    const probe = answering(outcome);
    expect(probe.answer).toBeUndefined();
    await probe.ask();
    expect(probe.answer).toEqual(answer);
  });

  test('is one, however many ask, and is ended with the agent', async () => {
    const signals: AbortSignal[] = [];
    let end: (outcome: ProbeOutcome) => void = () => undefined;
    const probe = new SinkProbe({
      probe(signal) {
        signals.push(signal);
        return new Promise((resolve) => {
          end = resolve;
        });
      },
    });
    const asking = [probe.ask(), probe.ask()];
    probe.end();
    end({ kind: 'retry', reason: 'aborted' });
    await Promise.all(asking);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(probe.answer).toBeUndefined();
  });
});
