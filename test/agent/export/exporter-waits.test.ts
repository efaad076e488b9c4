/** When the exporter waits, for how long, and what it says meanwhile: several batches are on their way, and each answer comes when a test has it come. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../../agent/export/backoff.ts';
import { LONG_BACKLOG_BATCHES } from '../../../agent/export/exporter.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { SendOutcome } from '../../../agent/model/sink.ts';
import { ACCEPTED, BLOCKED, batch, names, POISON, RETRY, TOO_LARGE, world } from '../../support/exporter-world.ts';
import { fileSystemError } from '../../support/fake-store.ts';
import { settled } from '../../support/fake-timers.ts';
import { ROOMY } from '../../support/sink-limits.ts';

const AWAY_LONG: SendOutcome = { kind: 'retry', reason: 'maintenance', afterMs: 60_000 };
/** Half of the first bound and a bit, as the random number of the world has it. */
const FIRST_MS = 275;

/** So many batches that several go at once, none of which is answered before `answer` is called with its name. */
async function onTheirWay(count = 20) {
  const answers = new Map<string, (outcome: SendOutcome) => void>();
  const all = world(names(count));
  all.sink.answer = (name) => new Promise((resolve) => void answers.set(name, resolve));
  all.exporter.wake();
  await settled();
  const answer = async (name: string, outcome: SendOutcome) => {
    answers.get(name)!(outcome);
    await settled();
  };
  return { ...all, answer };
}

describe('a wait', () => {
  it('becomes that of the answer which asks for the longest, whichever comes first', async () => {
    const long = await onTheirWay();
    await long.answer('b000', AWAY_LONG);
    await long.answer('b001', RETRY);
    expect(long.timers.nextMs).toBe(60_000 + FIRST_MS);
    const short = await onTheirWay();
    await short.answer('b000', RETRY);
    expect(short.timers.nextMs).toBe(FIRST_MS);
    await short.answer('b001', AWAY_LONG);
    expect(short.timers.nextMs).toBe(60_000 + FIRST_MS);
  });

  it('is one, however many answers asked for it: when it is over one batch goes', async () => {
    const { answer, timers, sink } = await onTheirWay();
    for (const name of names(ROOMY.inFlight)) await answer(name, RETRY);
    const before = sink.sent.length;
    await timers.advance(FIRST_MS);
    expect(sink.sent.length).toBe(before + 1);
    expect(timers.nextMs).toBeUndefined();
  });

  it('counts from the latest answer where that asks for as much', async () => {
    const { answer, timers, sink } = await onTheirWay();
    await answer('b000', RETRY);
    await timers.advance(100);
    await answer('b001', RETRY);
    expect(timers.nextMs).toBe(FIRST_MS);
    await timers.advance(FIRST_MS - 1);
    expect(sink.sent).toHaveLength(ROOMY.inFlight);
    await answer('b002', ACCEPTED);
    await answer('b003', ACCEPTED);
    await timers.advance(1);
    expect(sink.sent.slice(ROOMY.inFlight)).toEqual(['b000']);
  });

  it('is not over because another batch was accepted meanwhile, and the trouble is said until it is', async () => {
    const { answer, timers, sink, exporter, states } = await onTheirWay();
    await answer('b000', RETRY);
    await answer('b001', ACCEPTED);
    expect([exporter.state, timers.nextMs, sink.sent.length]).toEqual(['backing-off', FIRST_MS, ROOMY.inFlight]);
    expect(states).toEqual(['sending', 'backing-off: the service is away']);
    for (const name of ['b002', 'b003']) await answer(name, ACCEPTED);
    await timers.advance(FIRST_MS);
    await answer('b000', ACCEPTED);
    expect(states).toEqual(['sending', 'backing-off: the service is away', 'sending']);
  });

  it('begins anew with the first bound once a batch was accepted', async () => {
    const { timers, sink, exporter } = world(['a', 'b']);
    sink.answer = (name, attempt) => (name === 'a' ? (attempt < 3 ? RETRY : ACCEPTED) : RETRY);
    exporter.wake();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      await settled();
      waits.push(timers.nextMs!);
      await timers.advance(timers.nextMs!);
    }
    expect(waits).toEqual([FIRST_MS, 2 * FIRST_MS, FIRST_MS, 2 * FIRST_MS]);
  });

  it('begins anew also where a part was accepted, and what is left goes before any later batch', async () => {
    const { timers, sink, exporter, store } = world(['a', 'b']);
    const rest = [batch('rest')];
    sink.answer = (name, attempt) => {
      if (name !== 'a') return ACCEPTED;
      return attempt < 3 ? RETRY : { kind: 'partial', rest, reason: 'full', afterMs: 5_000 };
    };
    exporter.wake();
    await settled();
    for (let attempt = 0; attempt < 2; attempt++) await timers.advance(timers.nextMs!);
    expect(timers.nextMs).toBe(5_000 + FIRST_MS);
    await timers.advance(timers.nextMs!);
    expect(sink.sent.slice(3)).toEqual(['rest', 'b']);
    expect(store.removed).toEqual(['a.0', 'b']);
  });

  it('of a service that is blocked is that of its probes, a fifth about it', async () => {
    for (const [random, waitMs] of [
      [0, 24_000],
      [0.5, 30_000],
    ] as const) {
      const { timers, sink, exporter } = world(['a'], { random: () => random });
      sink.answer = () => BLOCKED;
      exporter.wake();
      await settled();
      expect(timers.nextMs).toBe(waitMs);
    }
  });
});

describe('what kept uploads from passing is over', () => {
  it('and the next attempt is now, not when the wait would end', async () => {
    const { timers, sink, exporter } = world(['a']);
    sink.answer = (_, attempt) => (attempt === 1 ? { ...RETRY, afterMs: 3_600_000 } : ACCEPTED);
    exporter.wake();
    await settled();
    exporter.wake();
    await settled();
    expect(sink.sent).toEqual(['a']);
    exporter.retryNow();
    await settled();
    expect([sink.accepted, timers.nextMs, exporter.state]).toEqual([['a'], undefined, 'idle']);
  });

  it('which changes nothing where nobody waits', async () => {
    const { sink, exporter } = world([]);
    exporter.retryNow();
    await settled();
    expect([sink.sent, exporter.state]).toEqual([[], 'idle']);
  });
});

describe('the number of batches on their way', () => {
  it.each([
    [LONG_BACKLOG_BATCHES - 1, 1],
    [LONG_BACKLOG_BATCHES, ROOMY.inFlight],
  ])('with %i pending is %i', async (pending, atOnce) => {
    const { sink } = await onTheirWay(pending);
    expect(sink.sent).toHaveLength(atOnce);
  });
});

describe('a batch that cannot be read', () => {
  it('is retried while the store lists it, also behind more than the choice that wait for their removal', async () => {
    const all = names(100);
    const { store, exporter, timers } = world(all);
    store.fault = (operation) => {
      if (operation === 'remove') throw fileSystemError('EROFS');
    };
    const read = store.read.bind(store);
    const readable = all.slice(0, 99);
    store.read = async (name) => (readable.includes(name) ? read(name) : undefined);
    exporter.wake();
    // Each has three turns; the longest wait is a minute.
    await timers.advance(3 * 100 * 60_000);
    expect(exporter.counters).toMatchObject({ delivered: 99, damaged: 0 });
    store.fault = () => {};
    readable.push('b099');
    await timers.advance(100 * 60_000);
    expect(exporter.counters).toMatchObject({ delivered: 100, damaged: 0 });
    expect(store.waiting.size).toBe(0);
  });
});

describe('an error of the store', () => {
  it.each([
    ['of the file system', fileSystemError('EIO')],
    ['of its own', new OperationalError('spool.unusable', 'the folder is gone')],
  ])('%s is said with what it was, and the batch goes again', async (_, error) => {
    const { store, exporter, timers, states } = world(['a']);
    let isBroken = true;
    store.fault = (operation) => {
      if (operation === 'read' && isBroken) throw error;
    };
    exporter.wake();
    await settled();
    expect(states.at(-1)).toBe(`backing-off: the spool: ${error.message}`);
    expect(exporter.counters).toMatchObject({ attempts: 0, retries: 0, newer: 0 });
    isBroken = false;
    await timers.advance(FIRST_MS);
    expect(store.removed).toEqual(['a']);
  });

  it('that is a bug is none to go on after', async () => {
    const bug = new TypeError('a is not a function');
    const failed: unknown[] = [];
    const catchBug = (error: unknown) => void failed.push(error);
    const before = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.once('unhandledRejection', catchBug);
    const { store, exporter, states } = world(['a']);
    store.fault = () => {
      throw bug;
    };
    exporter.wake();
    await settled();
    await settled();
    process.off('unhandledRejection', catchBug);
    for (const listener of before) process.on('unhandledRejection', listener);
    expect([failed, states]).toEqual([[bug], ['sending']]);
  });
});

describe('who listens', () => {
  it('hears of each batch that is cut or quarantined, and why', async () => {
    const { store, sink, exporter, setAside, cut } = world(['p']);
    store.waiting.set('big', batch('big', 4));
    sink.answer = (name) => (name === 'big' ? TOO_LARGE : name === 'p' ? POISON : ACCEPTED);
    expect(await exporter.idle()).toBe(true);
    expect([cut, setAside]).toEqual([['big: 413'], ['p: InvalidContent']]);
  });

  it('hears of one reason once, however often its request has another number, and of another one at once', async () => {
    const { sink, exporter, states, timers } = world(['a']);
    const reasons = ['503 busy (request 1a2b) again', '503 busy (request 77) again', '(request 3)', '(request 4)', 'x'];
    sink.answer = (_, attempt) => ({ kind: 'retry', reason: reasons[Math.min(attempt, reasons.length) - 1]! });
    exporter.wake();
    await timers.advance(600_000);
    expect(states).toEqual(['sending', `backing-off: ${reasons[0]}`, `backing-off: ${reasons[2]}`, 'backing-off: x']);
  });
});

describe('a stop', () => {
  it('leaves a batch unsent that was being read', async () => {
    const { store, sink, exporter, timers } = world(['a']);
    const read = store.read.bind(store);
    let go = () => {};
    store.read = async (name) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return read(name);
    };
    exporter.wake();
    await settled();
    const stopped = exporter.stop(1000);
    go();
    await stopped;
    expect([sink.sent, exporter.counters.attempts, timers.nextMs]).toEqual([[], 0, undefined]);
    expect([[...store.waiting.keys()], [...store.lent]]).toEqual([['a'], []]);
  });

  it('counts no retry of what it aborted itself, and waits for no other attempt', async () => {
    const { exporter, answer, timers, states } = await onTheirWay(1);
    const stopped = exporter.stop(1000);
    await answer('b000', { kind: 'retry', reason: 'aborted' });
    await stopped;
    expect([exporter.counters.retries, timers.nextMs, states]).toEqual([0, undefined, ['sending']]);
  });

  it('keeps what remains of a batch of which a part was taken', async () => {
    const { exporter, answer, store, timers } = await onTheirWay(1);
    const stopped = exporter.stop(1000);
    await answer('b000', { kind: 'partial', rest: [batch('rest')], reason: 'full' });
    await stopped;
    expect([[...store.waiting.keys()], timers.nextMs]).toEqual([['b000.0'], undefined]);
  });

  it('waits for all that is on its way, not for the first', async () => {
    const { exporter, answer, sink } = await onTheirWay();
    let isStopped = false;
    const stopped = exporter.stop(1000).then(() => {
      isStopped = true;
    });
    for (const name of ['b000', 'b001', 'b002']) await answer(name, ACCEPTED);
    expect(isStopped).toBe(false);
    await answer('b003', ACCEPTED);
    await stopped;
    expect(sink.accepted).toEqual(names(4));
  });

  it.each([
    ['nothing is left', [], true],
    ['a batch is left', ['a'], false],
  ] as const)('after which asking for idleness answers at once whether %s', async (_, pending, drained) => {
    const { exporter } = world(pending);
    await exporter.stop(0);
    expect(await exporter.idle()).toBe(drained);
  });

  it('tells who waits that all is sent where the last batch was accepted before the deadline', async () => {
    const { exporter, answer } = await onTheirWay(1);
    const idle = exporter.idle();
    const stopped = exporter.stop(DEFAULT_BACKOFF.capMs);
    await answer('b000', ACCEPTED);
    await stopped;
    expect(await idle).toBe(true);
  });
});
