import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../../agent/export/backoff.ts';
import { type Exporter, LONG_BACKLOG_BATCHES, QUARANTINE_RUN_MAX } from '../../../agent/export/exporter.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { SendOutcome, Sink } from '../../../agent/model/sink.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import {
  ACCEPTED,
  BLOCKED,
  batch,
  type FakeSink,
  nameOf,
  names,
  POISON,
  RETRY,
  reasonOf,
  recordsOf,
  TOO_LARGE,
  world,
} from '../../support/exporter-world.ts';
import { FakeStore, fileSystemError } from '../../support/fake-store.ts';
import { FakeTimers, settled } from '../../support/fake-timers.ts';
import { probeOpen, ROOMY } from '../../support/sink-limits.ts';

describe('the exporter', () => {
  it('passes what a newer flowlogd wrote, says so once, and neither sends it again nor sets it aside', async () => {
    const { store, sink, exporter, delivered, newer, states } = world(['a', 'b', 'c', 'd']);
    store.fault = (operation, name) => {
      if (operation === 'read' && name === 'c') throw new OperationalError('spool.newer', 'of a newer layout');
    };
    sink.answer = (name) => (name === 'a' ? { kind: 'newer', reason: 'a field' } : ACCEPTED);
    expect(await exporter.idle()).toBe(true);
    expect([delivered, newer, [...store.held]]).toEqual([['b', 'd'], ['a: a field'], ['a', 'c']]);
    expect([[...store.waiting.keys()], store.quarantined.size, states.at(-1)]).toEqual([['a', 'c'], 0, 'idle']);
    expect(exporter.counters).toMatchObject({ newer: 2, retries: 0, blocked: 0, quarantined: 0 });
  });

  it('sends everything, oldest first and one at a time, and is idle then', async () => {
    const { exporter, sink, store, states, delivered } = world(names(5));
    exporter.wake();
    expect(await exporter.idle()).toBe(true);
    expect(sink.sent).toEqual(names(5));
    expect(store.removed).toEqual(names(5));
    expect(delivered).toEqual(names(5));
    expect(sink.atOnceMax).toBe(1);
    expect(states).toEqual(['sending', 'idle']);
    expect(exporter.counters).toMatchObject({ delivered: 5, attempts: 5, retries: 0 });
    expect(exporter.deliveredUntil).toBe(120);
    expect(store.lent.size).toBe(0);
  });

  it('sends a few at once while a long backlog drains, and never more', async () => {
    const { exporter, sink } = world(names(40));
    await exporter.idle();
    expect(sink.atOnceMax).toBe(ROOMY.inFlight);
    expect(new Set(sink.sent).size).toBe(40);
    // The first of each group stands no further from its place than the group is wide.
    for (const [index, name] of sink.sent.entries()) {
      expect(Math.abs(names(40).indexOf(name) - index)).toBeLessThan(ROOMY.inFlight);
    }
  });

  it('goes back to one at a time when the backlog is short again', async () => {
    const { exporter, sink } = world(names(LONG_BACKLOG_BATCHES - 1));
    await exporter.idle();
    expect(sink.atOnceMax).toBe(1);
  });

  it('sends what is spooled later when it is woken', async () => {
    const { exporter, sink, store } = world([]);
    exporter.wake();
    await settled();
    store.waiting.set('late', batch('late'));
    exporter.wake();
    expect(await exporter.idle()).toBe(true);
    expect(sink.accepted).toEqual(['late']);
  });

  it('never removes a batch that was not accepted', async () => {
    const { exporter, sink, store, timers } = world(names(3));
    sink.answer = () => RETRY;
    exporter.wake();
    for (let hour = 0; hour < 3; hour++) await timers.advance(3_600_000);
    expect(store.removed).toEqual([]);
    expect([...store.waiting.keys()]).toEqual(names(3));
  });

  it('skips what the store found damaged', async () => {
    const { exporter, sink, store } = world(names(3));
    store.damaged.add('b000');
    expect(await exporter.idle()).toBe(true);
    expect(sink.accepted).toEqual(['b001', 'b002']);
    expect(exporter.counters.damaged).toBe(1);
  });
});

describe('a service in trouble', () => {
  it('is asked again after waits that double up to the cap', async () => {
    const { exporter, sink, timers } = world(['b000']);
    sink.answer = () => RETRY;
    exporter.wake();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      await settled();
      waits.push(timers.nextMs as number);
      await timers.advance(timers.nextMs as number);
    }
    expect(waits).toEqual([275, 550, 1100, 2200, 4400, 8800, 17_600, 33_000, 33_000, 33_000]);
    expect(exporter.state).toBe('backing-off');
  });

  it('is one episode, however long', async () => {
    const { exporter, sink, timers, states } = world(names(3));
    sink.answer = (_name, attempt) => (attempt > 2 ? ACCEPTED : RETRY);
    exporter.wake();
    await timers.advance(600_000);
    expect(sink.accepted.toSorted()).toEqual(names(3));
    expect(states[0]).toBe('sending');
    expect(states[1]).toBe('backing-off: the service is away');
    expect(exporter.state).toBe('idle');
  });

  it('gets what it asked for in Retry-After, and a little more', async () => {
    const { exporter, sink, timers } = world(['b000']);
    sink.answer = (_name, attempt) => (attempt === 1 ? { ...RETRY, afterMs: 120_000 } : ACCEPTED);
    exporter.wake();
    await settled();
    expect(timers.nextMs).toBe(120_275);
    await timers.advance(119_999);
    expect(sink.sent).toHaveLength(1);
    await timers.advance(1_000);
    expect(sink.accepted).toEqual(['b000']);
  });

  it('meets one batch at a time until it is well again', async () => {
    const { exporter, sink, timers } = world(names(20));
    let down = true;
    sink.answer = () => (down ? RETRY : ACCEPTED);
    exporter.wake();
    await settled();
    expect(sink.sent).toHaveLength(ROOMY.inFlight);
    sink.atOnceMax = 0;
    await timers.advance(60_000);
    expect(sink.atOnceMax).toBe(1);
    down = false;
    await timers.advance(60_000);
    expect(exporter.state).toBe('idle');
    expect(sink.accepted.toSorted()).toEqual(names(20));
  });

  it('counts batches that fail together as one failure', async () => {
    const { exporter, sink, timers } = world(names(20));
    sink.answer = () => RETRY;
    exporter.wake();
    await settled();
    expect(timers.nextMs).toBe(275);
  });

  it('cannot make one failing batch stop all others', async () => {
    const { exporter, sink, timers, store } = world(names(5));
    sink.answer = (name) => (name === 'b000' ? RETRY : ACCEPTED);
    exporter.wake();
    await timers.advance(120_000);
    expect(sink.accepted).toEqual(['b001', 'b002', 'b003', 'b004']);
    expect([...store.waiting.keys()]).toEqual(['b000']);
    sink.answer = () => ACCEPTED;
    await timers.advance(120_000);
    expect(store.waiting.size).toBe(0);
  });

  it('is not asked more often because more is spooled', async () => {
    const { exporter, sink, timers } = world(['b000']);
    sink.answer = () => RETRY;
    exporter.wake();
    await settled();
    for (let i = 0; i < 50; i++) exporter.wake();
    await settled();
    expect(sink.sent).toHaveLength(1);
    expect(timers.nextMs).toBe(275);
  });
});

describe('the turns of batches that fail', () => {
  /** Lets time pass until the sink has been sent so many, and answers their names. */
  async function sentUpTo(count: number, { sink, timers }: ReturnType<typeof world>): Promise<readonly string[]> {
    await settled();
    while (sink.sent.length < count) await timers.advance(timers.nextMs as number);
    return sink.sent.slice(0, count);
  }

  it('go on when another batch passes at once, which says nothing about theirs', async () => {
    const exporting = world(['a', 'b', 'c']);
    exporting.sink.answer = (name) => (name === 'a' ? RETRY : ACCEPTED);
    exporting.exporter.wake();
    expect(await sentUpTo(6, exporting)).toEqual(['a', 'a', 'a', 'b', 'c', 'a']);
  });

  it('begin anew when one passes that had failed: the service was the cause', async () => {
    const exporting = world(['a', 'b', 'c']);
    exporting.sink.answer = (name, attempt) => (name === 'a' || (name === 'b' && attempt === 1) ? RETRY : ACCEPTED);
    exporting.exporter.wake();
    expect(await sentUpTo(9, exporting)).toEqual(['a', 'a', 'a', 'b', 'b', 'a', 'a', 'a', 'c']);
  });

  it('are forgotten for batches that left the store, once they are many, and stay for the oldest', async () => {
    const all = names(160);
    const exporting = world(all);
    const { sink, store, exporter } = exporting;
    sink.limits = { ...ROOMY, inFlight: 1 };
    sink.answer = () => RETRY;
    const evict = (from: number, to: number) => all.slice(from, to).forEach((name) => void store.waiting.delete(name));
    const putBack = () => store.waiting.set('b000', batch('b000'));
    exporter.wake();
    // Three failures each; the choice is among the oldest 64, so further ones come in as others are evicted.
    await sentUpTo(3 * 64, exporting);
    evict(0, 32);
    await sentUpTo(3 * 96, exporting);
    evict(32, 64);
    expect((await sentUpTo(3 * 128, exporting)).at(-1)).toBe('b127');
    evict(64, 96);
    // Of 128 batches all failures are remembered, also of those that are gone.
    putBack();
    expect((await sentUpTo(3 * 128 + 1, exporting)).at(-1)).toBe('b128');
    // The next failure is that of the 129th.
    evict(0, 1);
    expect((await sentUpTo(3 * 128 + 2, exporting)).at(-1)).toBe('b128');
    putBack();
    expect((await sentUpTo(3 * 128 + 7, exporting)).slice(-5)).toEqual(['b000', 'b000', 'b000', 'b128', 'b129']);
  });
});

describe('a service that is blocked', () => {
  it('is probed slowly with one batch, and said to be so once', async () => {
    const { exporter, sink, timers, states } = world(names(20));
    sink.answer = () => BLOCKED;
    exporter.wake();
    await timers.advance(1);
    const before = sink.sent.length;
    await timers.advance(300_000);
    expect(sink.sent.length - before).toBe(10);
    expect(states).toEqual(['sending', 'blocked: arrears']);
    expect(exporter.state).toBe('blocked');
    expect(exporter.lastError).toBe('arrears');
  });

  it('gets everything, in order, once it is not', async () => {
    const { exporter, sink, timers, states } = world(names(3));
    let blocked = true;
    sink.answer = () => (blocked ? BLOCKED : ACCEPTED);
    exporter.wake();
    await timers.advance(45_000);
    blocked = false;
    await timers.advance(30_000);
    expect(sink.accepted).toEqual(names(3));
    expect(states).toEqual(['sending', 'blocked: arrears', 'sending', 'idle']);
  });

  it("is no operator's matter any more when it answers that it is busy, and is again when it rejects again", async () => {
    const { exporter, sink, timers, states } = world(['b000']);
    sink.answer = (_name, attempt) => (attempt % 2 === 0 ? RETRY : BLOCKED);
    exporter.wake();
    await timers.advance(600_000);
    const [, first, second, third] = states;
    expect([first, second, third]).toEqual(['blocked: arrears', `backing-off: ${reasonOf(RETRY)}`, 'blocked: arrears']);
  });

  it('says each reason once, whatever request it was about', async () => {
    const { exporter, sink, timers, states } = world(['b000']);
    const reasons = ['401 A (request 1)', '401 A (request 2)', '403 B (request 3)'];
    sink.answer = (_name, attempt) => ({ kind: 'blocked', reason: reasons[Math.min(attempt - 1, 2)]! });
    exporter.wake();
    await timers.advance(600_000);
    expect(states).toEqual(['sending', 'blocked: 401 A (request 1)', 'blocked: 403 B (request 3)']);
    expect(exporter.lastError).toBe('403 B (request 3)');
  });
});

describe('a batch that the service does not take', () => {
  it('is cut until its pieces fit', async () => {
    const { exporter, sink, store } = world([]);
    store.waiting.set('big', batch('big', 5));
    const sizes = new Map<string, number>();
    const read = store.read.bind(store);
    store.read = async (name) => {
      const bytes = await read(name);
      if (bytes !== undefined) sizes.set(nameOf(bytes), new FlowBatchReader(bytes).records);
      return bytes;
    };
    sink.answer = (name) => ((sizes.get(name) as number) > 2 ? TOO_LARGE : ACCEPTED);
    expect(await exporter.idle()).toBe(true);
    expect(sink.accepted).toEqual(['big.0', 'big.1.0', 'big.1.1']);
    expect(exporter.counters.split).toBe(2);
    expect(store.quarantined.size).toBe(0);
  });

  it('is set aside when one record alone is too large', async () => {
    const { exporter, sink, store } = world(names(2));
    sink.answer = (name) => (name === 'b000' ? TOO_LARGE : ACCEPTED);
    expect(await exporter.idle()).toBe(true);
    expect(store.quarantined.get('b000')).toContain('one record alone is too large');
    expect(sink.accepted).toEqual(['b001']);
  });

  it('is set aside when it is poison, with the reason', async () => {
    const { exporter, sink, store } = world(names(3));
    sink.answer = (name) => (name === 'b001' ? POISON : ACCEPTED);
    expect(await exporter.idle()).toBe(true);
    expect([...store.quarantined]).toEqual([['b001', 'InvalidContent']]);
    expect(sink.accepted).toEqual(['b000', 'b002']);
  });

  it('is kept when the service calls everything poison: the spool is not emptied into the quarantine', async () => {
    const { exporter, sink, store, timers } = world(names(50));
    let poison = true;
    sink.answer = () => (poison ? POISON : ACCEPTED);
    exporter.wake();
    await timers.advance(3_600_000);
    expect(store.quarantined.size).toBe(QUARANTINE_RUN_MAX);
    expect(exporter.state).toBe('blocked');
    expect(exporter.lastError).toBe('10 batches in a row were refused for good, the last one: InvalidContent');
    expect(exporter.counters).toMatchObject({ quarantined: QUARANTINE_RUN_MAX, retries: 0 });
    expect(exporter.counters.blocked).toBe(sink.sent.length - QUARANTINE_RUN_MAX);
    poison = false;
    await timers.advance(60_000);
    expect(sink.accepted).toHaveLength(50 - QUARANTINE_RUN_MAX);
  });
});

describe('a store in trouble', () => {
  it('does not make an accepted batch go twice when it cannot be removed', async () => {
    const { exporter, sink, store, timers } = world(names(2));
    let readOnly = true;
    store.fault = (operation) => {
      if (operation === 'remove' && readOnly) throw fileSystemError('EROFS');
    };
    exporter.wake();
    await timers.advance(600_000);
    expect(sink.sent).toEqual(['b000', 'b001']);
    expect(exporter.state).toBe('backing-off');
    expect(exporter.lastError).toContain('EROFS');
    readOnly = false;
    await timers.advance(60_000);
    expect(store.waiting.size).toBe(0);
    expect(sink.sent).toEqual(['b000', 'b001']);
    expect(exporter.counters.delivered).toBe(2);
  });

  it('is asked again when it cannot read, without a busy loop', async () => {
    const { exporter, sink, store, timers } = world(['b000']);
    let reads = 0;
    store.fault = (operation) => {
      if (operation === 'read' && ++reads <= 3) throw fileSystemError('EIO');
    };
    exporter.wake();
    await settled();
    expect(reads).toBe(1);
    await timers.advance(60_000);
    expect(sink.accepted).toEqual(['b000']);
  });

  it('that answers nothing but keeps the name is waited for, too', async () => {
    const { exporter, sink, store, timers } = world(['b000']);
    let reads = 0;
    const read = store.read.bind(store);
    store.read = async (name) => (++reads <= 3 ? undefined : read(name));
    exporter.wake();
    await settled();
    expect(reads).toBe(1);
    await timers.advance(60_000);
    expect(sink.accepted).toEqual(['b000']);
  });
});

describe('stopping', () => {
  it('lets what is on its way finish and starts nothing more', async () => {
    const { exporter, sink, store } = world(names(3));
    let answer: (outcome: SendOutcome) => void = () => {};
    sink.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    exporter.wake();
    await settled();
    const stopped = exporter.stop(1000);
    answer(ACCEPTED);
    await stopped;
    expect(sink.accepted).toEqual(['b000']);
    expect([...store.waiting.keys()]).toEqual(['b001', 'b002']);
    exporter.wake();
    await settled();
    expect(sink.sent).toEqual(['b000']);
  });

  it('aborts what takes longer than the deadline; it stays in the store', async () => {
    const timers = new FakeTimers();
    const store = new FakeStore([['b000', batch('b000')]]);
    const sink: Sink = {
      description: 'hangs',
      limits: ROOMY,
      probe: probeOpen,
      send: (_bytes, signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve({ kind: 'retry', reason: 'aborted' }))),
      close: async () => {},
    };
    const { exporter } = world([], { store, sink, timers });
    exporter.wake();
    await settled();
    const stopped = exporter.stop(5000);
    await timers.advance(5000);
    await stopped;
    expect([...store.waiting.keys()]).toEqual(['b000']);
    expect(timers.nextMs).toBeUndefined();
  });

  it('does not wait for ever for a sink that cannot be aborted', async () => {
    const timers = new FakeTimers();
    const store = new FakeStore([['b000', batch('b000')]]);
    const sink: Sink = {
      description: 'dead',
      limits: ROOMY,
      send: () => new Promise(() => {}),
      probe: probeOpen,
      close: async () => {},
    };
    const { exporter } = world([], { store, sink, timers });
    exporter.wake();
    await settled();
    const stopped = exporter.stop(5000);
    await timers.advance(10_000);
    await stopped;
    expect(store.waiting.size).toBe(1);
  });

  it('ends a wait and tells who waits for idleness that it did not come', async () => {
    const { exporter, sink, timers } = world(names(1));
    sink.answer = () => RETRY;
    const idle = exporter.idle();
    await settled();
    await exporter.stop(0);
    expect(await idle).toBe(false);
    expect(timers.nextMs).toBeUndefined();
  });
});

describe('a batch of which the sink takes a part', () => {
  it('is replaced by what remains, which goes again after a wait; what was taken never does', async () => {
    const { exporter, sink, store, timers } = world([]);
    store.waiting.set('b100', batch('b100', 8));
    const wholeBytes = store.waiting.get('b100')!.length;
    sink.limits = { ...ROOMY, records: 2 };
    sink.answer = (_name, attempt) => (sink.sent.length === 3 && attempt === 1 ? RETRY : ACCEPTED);
    exporter.wake();
    await settled();
    expect(exporter.state).toBe('backing-off');
    const restBytes = [...store.waiting.values()].reduce((sum, { length }) => sum + length, 0);
    expect(exporter.counters).toMatchObject({ partial: 1, delivered: 0, retries: 0 });
    expect(exporter.counters.bytes).toBe(wholeBytes - restBytes);
    expect(exporter.lastError).toBe(reasonOf(RETRY));
    expect(timers.nextMs).toBe(275);
    expect(recordsOf(sink.acceptedBytes)).toHaveLength(4);
    expect(recordsOf(store.waiting.values())).toHaveLength(4);
    await timers.advance(DEFAULT_BACKOFF.initialMs);
    await settled();
    expect(store.waiting.size).toBe(0);
    expect(recordsOf(sink.acceptedBytes).toSorted()).toEqual(names(8).map((_, n) => `b100/${n + 1}`));
    expect(exporter.state).toBe('idle');
  });

  it('goes again whole where the store cannot hold the rest', async () => {
    const { exporter, sink, store, timers } = world([]);
    store.waiting.set('b100', batch('b100', 4));
    sink.answer = (_name, attempt) =>
      attempt === 1 ? { kind: 'partial', rest: [batch('b100', 1)], reason: 'full' } : ACCEPTED;
    store.fault = (operation) => {
      if (operation === 'replace') throw fileSystemError('ENOSPC');
    };
    exporter.wake();
    await settled();
    await timers.advance(DEFAULT_BACKOFF.initialMs);
    await settled();
    expect(sink.accepted).toEqual(['b100']);
    expect(store.waiting.size).toBe(0);
  });

  it('counts as sent, not delivered, where nothing is acknowledged', async () => {
    const { exporter, sink, store } = world(names(2));
    sink.answer = () => ({ kind: 'sent' });
    expect(await exporter.idle()).toBe(true);
    expect(exporter.counters).toMatchObject({ sent: 2, delivered: 0 });
    expect(store.waiting.size).toBe(0);
  });

  it('is never one of more on their way than the sink takes', async () => {
    const { exporter, sink } = world(names(40));
    sink.limits = { ...ROOMY, inFlight: 2 };
    await exporter.idle();
    expect(sink.atOnceMax).toBe(2);
  });
});

interface Done {
  readonly sink: FakeSink;
  readonly store: FakeStore;
  /** What the sink answered, and the operations that the store refused. */
  readonly answered: readonly SendOutcome[];
  readonly refused: readonly string[];
}

/** Every attempt ended in one of the numbers, or in a store that did not take what came of it. */
function expectCounted(counters: Exporter['counters'], { sink, store, answered, refused }: Done): void {
  const { attempts, delivered, retries, blocked, split, quarantined } = counters;
  const ended = delivered + retries + blocked + split + quarantined;
  expect(attempts).toBe(
    ended + refused.filter((operation) => operation === 'quarantine' || operation === 'replace').length,
  );
  expect(counters).toMatchObject({
    attempts: answered.length,
    delivered: sink.accepted.length,
    bytes: sink.acceptedBytes.reduce((sum, { length }) => sum + length, 0),
    retries: answered.filter(({ kind }) => kind === 'retry').length,
    quarantined: store.quarantined.size,
    ...{ sent: 0, partial: 0, newer: 0, damaged: 0 },
  });
  expect(blocked).toBeGreaterThanOrEqual(answered.filter(({ kind }) => kind === 'blocked').length);
}

describe('whatever the sink answers', () => {
  const outcome = fc.constantFrom(ACCEPTED, RETRY, { ...RETRY, afterMs: 5000 }, BLOCKED, TOO_LARGE, POISON);
  const storeFault = fc.constantFrom<('remove' | 'read' | 'quarantine' | 'replace')[]>(
    'remove',
    'read',
    'quarantine',
    'replace',
  );

  it('every record ends accepted exactly once or in quarantine, and no batch is removed before it was accepted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 }),
        fc.array(outcome, { maxLength: 60 }),
        fc.array(fc.tuple(storeFault, fc.nat(10)), { maxLength: 4 }),
        async (sizes, outcomes, faults) => {
          const { exporter, sink, store, timers } = world([]);
          for (const [n, records] of sizes.entries()) store.waiting.set(`b${n + 100}`, batch(`b${n + 100}`, records));
          const before = recordsOf(store.waiting.values());
          const script = [...outcomes];
          const answered: SendOutcome[] = [];
          const left = new Map(faults);
          const refused: string[] = [];
          sink.answer = () => {
            answered.push(script.shift() ?? ACCEPTED);
            return answered.at(-1)!;
          };
          store.fault = (operation, name) => {
            const times = left.get(operation) ?? 0;
            left.set(operation, times - 1);
            if (times > 0) {
              refused.push(operation);
              throw fileSystemError('EIO');
            }
            if (operation === 'remove' && !sink.accepted.includes(name)) throw new Error('removed before accepted');
          };
          const idle = exporter.idle();
          await timers.advance(24 * 3_600_000);
          expect(await idle).toBe(true);
          expect(store.waiting.size).toBe(0);
          expect(store.removed.toSorted()).toEqual(sink.accepted.toSorted());
          const after = recordsOf([...sink.acceptedBytes, ...store.quarantinedBytes]);
          expect(after.toSorted()).toEqual(before.toSorted());
          expectCounted(exporter.counters, { sink, store, answered, refused });
        },
      ),
      { numRuns: 100 },
    );
  });
});
