import { describe, expect, it, vi } from 'vitest';
import { Control } from '../../../agent/meter/control.ts';
import { runDataPlane } from '../../../agent/meter/data-plane.ts';
import { FakeEngine, interfaceGone } from '../../support/fake-engine.ts';
import { type BatchPacket, emptyBatch } from '../../support/packet-batch.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';
import { type Clock, TappedInterface } from '../../support/tapping.ts';

const FRAME = ethernet(
  {},
  ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 }, udp({ sourcePort: 1, destinationPort: 2 })),
);
const many = (count: number, seconds: number): BatchPacket[] => new Array(count).fill({ seconds, bytes: FRAME });

interface World {
  readonly engine: FakeEngine;
  readonly control: Control;
  readonly clock: Clock;
  readonly taps: readonly TappedInterface[];
}

/** Runs a data plane over taps; `turns` happen one by one while it waits, and the stop request after the last. */
async function run(
  taps: number,
  turns: readonly ((world: World) => void)[],
  onRound: (world: World) => void = () => undefined,
) {
  const engine = new FakeEngine();
  const clock = { seconds: 0 };
  const tapped = Array.from(
    { length: taps },
    (_, index) => new TappedInterface({ engine, clock, interfaceName: `eth${index}` }),
  );
  for (const { tap } of tapped) tap.attach();
  const world: World = { engine, control: new Control(), clock, taps: tapped };
  let turn = 0;
  engine.onWait = () => {
    turns[turn]?.(world);
    turn += 1;
    if (turn >= turns.length) world.control.requestStop();
  };
  const { control } = world;
  await runDataPlane({
    engine,
    taps: tapped.map(({ tap }) => tap),
    batch: emptyBatch(),
    control,
    now: () => clock.seconds * 1000,
    onRound: () => {
      onRound(world);
      return Number.POSITIVE_INFINITY;
    },
  });
  return world;
}

const packetsByWindow = (tapped: TappedInterface) =>
  tapped.closed.map(({ start, ledger }) => [start, ledger.metered.packets]);

describe('the data plane', () => {
  it('closes a window only after it took in what waited when the window became due', async () => {
    const { taps } = await run(1, [
      ({ engine, control, clock }) => {
        clock.seconds = 61;
        control.setCloseBefore(60);
        engine.newest.waiting = many(20, 59);
      },
    ]);
    expect(packetsByWindow(taps[0]!)[0]).toEqual([0, 20]);
  });

  it('does not close by a request that came while it was draining', async () => {
    let read = 0;
    const { taps } = await run(1, [
      ({ engine, control, clock }) => {
        clock.seconds = 60;
        engine.newest.waiting = many(5, 59);
        const { newest } = engine;
        const original = newest.read.bind(newest);
        newest.read = (batch) => {
          read += 1;
          if (read === 2) {
            clock.seconds = 61;
            control.setCloseBefore(60);
            const status = original(batch);
            newest.waiting = many(3, 59);
            return status;
          }
          return original(batch);
        };
      },
      () => undefined,
    ]);
    expect(packetsByWindow(taps[0]!)[0]).toEqual([0, 8]);
  });

  it('closes in a backlog only what is complete, and the rest at the end', async () => {
    const closedAfter: number[] = [];
    const { taps } = await run(
      1,
      [
        ({ engine, control, clock }) => {
          clock.seconds = 121;
          control.setCloseBefore(120);
          engine.newest.waiting = [...many(100, 10), ...many(6400, 70)];
        },
        () => undefined,
      ],
      ({ taps }) => closedAfter.push(taps[0]!.closed.length),
    );
    expect(closedAfter).toEqual([1, 2]);
    expect(packetsByWindow(taps[0]!)).toEqual([
      [0, 100],
      [60, 6400],
      [120, 0],
    ]);
  });

  it('lets a busy tap delay the windows of no other tap', async () => {
    const closedAfter: number[][] = [];
    await run(
      2,
      [
        ({ engine, control, clock }) => {
          clock.seconds = 61;
          control.setCloseBefore(60);
          engine.opened[0]!.waiting = many(10_000, 10);
          engine.opened[1]!.waiting = many(10, 10);
        },
        () => undefined,
      ],
      ({ taps }) => closedAfter.push(taps.map(({ closed }) => closed.length)),
    );
    expect(closedAfter).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it('closes a window each in every tap when nothing flows', async () => {
    const turns = [61, 121, 181].map((seconds) => ({ control, clock }: World) => {
      clock.seconds = seconds;
      control.setCloseBefore(seconds - 1);
    });
    const { taps } = await run(2, turns);
    for (const tapped of taps)
      expect(packetsByWindow(tapped)).toEqual([
        [0, 0],
        [60, 0],
        [120, 0],
        [180, 0],
      ]);
  });

  it('reads between its sweeps only what is ready, and every tap before it closes windows', async () => {
    const readsOf = ({ engine }: World) => engine.opened.map(({ reads }) => reads);
    const seen: number[][] = [];
    await run(2, [
      (world) => {
        world.engine.opened[0]!.isReady = false;
      },
      (world) => void seen.push(readsOf(world)),
      (world) => {
        seen.push(readsOf(world));
        world.clock.seconds = 61;
        world.control.setCloseBefore(60);
      },
      (world) => void seen.push(readsOf(world)),
    ]);
    expect(seen).toEqual([
      [0, 1],
      [0, 2],
      [1, 3],
    ]);
  });

  it('reads a busy tap between slices of a sweep whose quiet taps take long, and each of those once', async () => {
    let nowMs = 1000;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const seen: number[][] = [];
    const slow = ({ engine, clock }: World) => {
      clock.seconds += 1;
      for (const [at, source] of engine.opened.entries()) {
        source.isReady = at === 0;
        const read = source.read.bind(source);
        source.read = (batch) => {
          nowMs += at === 0 ? 0 : 20;
          return read(batch);
        };
      }
    };
    const look = ({ engine }: World) => void seen.push(engine.opened.map(({ reads }) => reads));
    await run(7, [slow, look, look, look]);
    now.mockRestore();
    expect(seen).toEqual([
      [1, 1, 1, 1, 0, 0, 0],
      [2, 1, 1, 1, 1, 1, 1],
      [3, 1, 1, 1, 1, 1, 1],
    ]);
  });

  it('comes to what waits in its event loop while it runs: without that the ends of native objects pile up', async () => {
    const turned: number[] = [];
    let round = 0;
    const second = ({ clock }: World) => {
      clock.seconds += 1;
    };
    await run(1, [second, second, second], () => {
      const asked = ++round;
      setImmediate(() => turned.push(asked, round));
    });
    expect(turned.slice(0, 4)).toEqual([1, 1, 2, 2]);
  });

  it('waits for the sources that are there, a bounded time, also when there is none', async () => {
    const waits: string[][] = [];
    const engine = new FakeEngine();
    const clock = { seconds: 0 };
    const tapped = [0, 1].map((index) => new TappedInterface({ engine, clock, interfaceName: `eth${index}` }));
    for (const { tap } of tapped) tap.attach();
    const control = new Control();
    engine.onWait = (sources, timeoutMs) => {
      waits.push(sources.map(({ name }) => name));
      expect(timeoutMs).toBeGreaterThan(0);
      expect(timeoutMs).toBeLessThanOrEqual(1000);
      if (waits.length <= 2) engine.opened[waits.length - 1]!.failure = interfaceGone(`eth${waits.length - 1}`);
      else control.requestStop();
    };
    await runDataPlane({
      engine,
      taps: tapped.map(({ tap }) => tap),
      batch: emptyBatch(),
      control,
      onRound: () => Number.POSITIVE_INFINITY,
    });
    expect(waits).toEqual([['eth0', 'eth1'], ['eth1'], []]);
  });

  it('wakes as each second begins, so that what is dropped in a window is counted in it', async () => {
    const engine = new FakeEngine();
    const control = new Control();
    const waits: number[] = [];
    const wakings = [59_700, 59_999, 60_000, 60_400];
    engine.onWait = (_, timeoutMs) => {
      waits.push(timeoutMs);
      if (waits.length === wakings.length) control.requestStop();
    };
    const now = () => wakings[waits.length]!;
    await runDataPlane({
      engine,
      taps: [],
      batch: emptyBatch(),
      control,
      now,
      elapsed: now,
      onRound: () => Number.POSITIVE_INFINITY,
    });
    expect(waits).toEqual([300, 1, 500, 100]);
  });

  it('leaves it to who wakes it as each second begins, and wakes by itself a moment later', async () => {
    const engine = new FakeEngine();
    const control = new Control();
    const waits: number[] = [];
    const wakings = [59_700, 60_000, 60_400, 62_000];
    engine.onWait = (_, timeoutMs) => {
      waits.push(timeoutMs);
      if (waits.length === wakings.length) control.requestStop();
    };
    const now = () => wakings[waits.length]!;
    const onRound = () => Number.POSITIVE_INFINITY;
    await runDataPlane({ engine, taps: [], batch: emptyBatch(), control, now, elapsed: now, isWoken: true, onRound });
    expect(waits).toEqual([1050, 1050, 650, 1050]);
  });

  it('sleeps no longer than until the thread around it has more to do', async () => {
    const engine = new FakeEngine();
    const control = new Control();
    const waits: number[] = [];
    const rests = [250, 0, Number.POSITIVE_INFINITY];
    engine.onWait = (_, timeoutMs) => {
      waits.push(timeoutMs);
      if (waits.length === 4) control.requestStop();
    };
    const now = () => 60_000;
    const onRound = () => rests[waits.length - 1]!;
    await runDataPlane({ engine, taps: [], batch: emptyBatch(), control, now, elapsed: now, isWoken: true, onRound });
    expect(waits).toEqual([1050, 250, 0, 1050]);
  });

  it('calls for the thread around it once a round, and counts its rounds', async () => {
    let rounds = 0;
    const turns = [() => undefined, () => undefined, () => undefined];
    const { control } = await run(1, turns, () => {
      rounds += 1;
    });
    expect(rounds).toBe(3);
    expect(control.progress).toBe(3);
  });

  it('takes in what waits when it is stopped, closes every window and every capture', async () => {
    const { engine, taps } = await run(2, [
      ({ engine }) => {
        engine.opened[0]!.waiting = many(20_000, 59);
        engine.opened[1]!.waiting = many(3, 0);
      },
    ]);
    expect(packetsByWindow(taps[0]!)).toEqual([[0, 20_000]]);
    expect(packetsByWindow(taps[1]!)).toEqual([[0, 3]]);
    expect(engine.opened.every(({ closed }) => closed)).toBe(true);
  });

  it('takes in the whole ring when it is stopped, however much that is, once nothing more comes in', async () => {
    const { taps } = await run(1, [
      ({ engine }) => {
        engine.newest.canStop = true;
        engine.newest.waiting = many(100_000, 59);
      },
    ]);
    expect(packetsByWindow(taps[0]!)).toEqual([[0, 100_000]]);
  });

  it('ends what comes in before it waits for what the engine holds back', async () => {
    const { taps } = await run(1, [
      ({ engine }) => {
        const { newest } = engine;
        newest.canStop = true;
        engine.holdMs = 10;
        // The kernel hands over its last block only after the end of the intake.
        setTimeout(() => newest.stopped && newest.waiting.push(...many(7, 0)), 1);
      },
    ]);
    expect(packetsByWindow(taps[0]!)).toEqual([[0, 7]]);
  });

  it('ends though packets never cease', async () => {
    const { engine } = await run(1, [
      ({ engine }) => {
        const { newest } = engine;
        const original = newest.read.bind(newest);
        newest.read = (batch) => {
          newest.waiting = many(1, 0);
          return original(batch);
        };
      },
    ]);
    expect(engine.newest.closed).toBe(true);
    expect(engine.newest.reads).toBe(9 * 64);
  });

  it('does nothing but close when it is stopped before it begins', async () => {
    const engine = new FakeEngine();
    const tapped = new TappedInterface({ engine });
    tapped.tap.attach();
    const control = new Control();
    control.requestStop();
    await runDataPlane({
      engine,
      taps: [tapped.tap],
      batch: emptyBatch(),
      control,
      onRound: () => Number.POSITIVE_INFINITY,
    });
    expect(control.progress).toBe(0);
    expect(packetsByWindow(tapped)).toEqual([[0, 0]]);
  });
});
