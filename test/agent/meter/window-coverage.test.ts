import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Window } from '../../../agent/flow/window.ts';
import { Gaps } from '../../../agent/meter/gaps.ts';
import type { Meter } from '../../../agent/meter/meter.ts';
import type { TapEvent } from '../../../agent/meter/tap-event.ts';
import { Watermark } from '../../../agent/meter/watermark.ts';
import { WindowCoverage } from '../../../agent/meter/window-coverage.ts';
import { windowStart } from '../../../agent/model/window-bounds.ts';
import { POINT } from '../../support/closed-windows.ts';

const { windowSeconds: WINDOW } = POINT.flowLog;
const BEGIN = 1000 * WINDOW;

/** A meter that opens and closes windows and does nothing else, with a machine whose clocks a test sets. */
class Observed {
  /** Starts of windows, each time that one was opened. */
  readonly opened: number[] = [];
  readonly events: TapEvent[] = [];
  readonly gaps = new Gaps();
  readonly watermark = new Watermark();
  absentSince: number | undefined;
  wall = BEGIN;
  awake = 0;
  boot = 0;
  readonly #open = new Set<number>();
  readonly coverage: WindowCoverage;

  constructor() {
    const meter = {
      open: (seconds: number) => this.open(seconds),
      closeFrom: (seconds: number) => this.#closeFrom(seconds),
    };
    this.coverage = new WindowCoverage({
      point: POINT,
      meter: meter as unknown as Meter,
      gaps: this.gaps,
      watermark: this.watermark,
      now: () => this.wall * 1000,
      clocks: () => ({ wallMs: this.wall * 1000, awakeMs: this.awake * 1000, bootMs: this.boot * 1000 }),
      absentSince: () => this.absentSince,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** As a packet of that second does. */
  open(seconds: number): Window {
    const start = windowStart(seconds, WINDOW);
    const window = { start } as Window;
    if (this.#open.has(start)) return window;
    this.#open.add(start);
    this.opened.push(start);
    this.coverage.windowOpened(window);
    return window;
  }

  pass(seconds: number): void {
    this.wall += seconds;
    this.awake += seconds;
    this.boot += seconds;
  }

  sleep(seconds: number): void {
    this.wall += seconds;
    this.boot += seconds;
  }

  /** As the driver does it, once all packets are in. */
  round(): void {
    this.coverage.lookAtClocks();
    this.coverage.cover(this.wall);
    for (const start of this.#open) if (start + WINDOW <= this.wall - 1) this.#open.delete(start);
    this.coverage.closeStrays(this.wall);
    this.open(this.wall);
  }

  gapsWithin(from: number, to: number) {
    return this.gaps.within(from, to, this.wall);
  }

  #closeFrom(seconds: number): void {
    for (const start of this.#open) if (start >= seconds) this.#open.delete(start);
  }
}

function begun(absentSince?: number): Observed {
  const observed = new Observed();
  observed.absentSince = absentSince;
  observed.coverage.begin(observed.wall);
  return observed;
}

const startsUpTo = (seconds: number) =>
  Array.from({ length: Math.floor((seconds - BEGIN) / WINDOW) + 1 }, (_, index) => BEGIN + index * WINDOW);

test('each window has its status once, or lies in a gap, however long the rounds take and whatever packets come', () => {
  const step = fc.record({
    seconds: fc.oneof(fc.integer({ min: 1, max: 3 * WINDOW }), fc.integer({ min: 1, max: 40 * WINDOW })),
    packetAfter: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const observed = begun();
      for (const { seconds, packetAfter } of steps) {
        if (packetAfter !== undefined) observed.open(observed.wall + packetAfter * seconds);
        observed.pass(seconds);
        observed.round();
      }
      const { opened } = observed;
      expect(opened.length).toBe(new Set(opened).size);
      expect(Math.max(...opened)).toBe(windowStart(observed.wall, WINDOW));
      for (const start of startsUpTo(observed.wall)) {
        if (opened.includes(start)) continue;
        const [gap] = observed.gapsWithin(start, start + WINDOW);
        expect(gap).toEqual({ fromSeconds: start, toSeconds: start + WINDOW, reason: 'suspended' });
      }
    }),
  );
});

test('a round that comes a few windows late opens each of them, and says nothing of a gap', () => {
  const observed = begun();
  observed.pass(4 * WINDOW + 1);
  observed.round();
  expect(observed.opened).toEqual(startsUpTo(observed.wall));
  expect(observed.gapsWithin(0, observed.wall)).toEqual([]);
});

test('a machine that slept for a night has one gap, in the first and the last window of it', () => {
  const observed = begun();
  observed.pass(2);
  observed.round();
  observed.sleep(600 * WINDOW);
  observed.round();
  const [gap, ...others] = observed.gapsWithin(0, observed.wall);
  expect([gap, others]).toEqual([{ fromSeconds: BEGIN + 2, toSeconds: observed.wall, reason: 'suspended' }, []]);
  expect(observed.opened).toEqual([BEGIN, BEGIN + WINDOW, observed.wall - 2 - WINDOW, observed.wall - 2]);
  expect(observed.events).toEqual([{ kind: 'jumped', reason: 'suspended', gapSeconds: 600 * WINDOW }]);
});

test.each([
  ['some windows', 3 * WINDOW, 4],
  ['many windows', 50 * WINDOW, 2],
])('the time in which nobody was there is a gap from the last to this run: %s', (_what, seconds, opened) => {
  const observed = begun(BEGIN - seconds);
  expect(observed.gapsWithin(0, Number.POSITIVE_INFINITY)).toEqual([
    { fromSeconds: BEGIN - seconds, toSeconds: BEGIN, reason: 'agent-not-running' },
  ]);
  expect(observed.events).toEqual([{ kind: 'resumed', gapSeconds: seconds }]);
  expect(observed.opened[0]).toBe(BEGIN - seconds);
  expect(observed.opened).toHaveLength(opened);
});

test('it is that once, also where the disk tells late, and never where the last run ends after this one began', () => {
  const late = begun();
  late.absentSince = BEGIN - WINDOW;
  late.coverage.resume();
  late.coverage.resume();
  expect(late.events).toEqual([{ kind: 'resumed', gapSeconds: WINDOW }]);
  const before = begun(BEGIN + 1);
  before.coverage.resume();
  expect([before.events, before.gapsWithin(0, 2 * BEGIN)]).toEqual([[], []]);
});

test('a machine that begins without the time has the gap of the last run when it learns the time, and no other', () => {
  const observed = new Observed();
  observed.wall = 100;
  observed.absentSince = BEGIN + WINDOW;
  observed.coverage.begin(observed.wall);
  observed.pass(2);
  observed.round();
  observed.wall = BEGIN + 5 * WINDOW;
  observed.round();
  const gaps = observed.gapsWithin(BEGIN + WINDOW, observed.wall);
  expect(gaps).toEqual([{ fromSeconds: BEGIN + WINDOW, toSeconds: observed.wall, reason: 'agent-not-running' }]);
  expect(observed.events.at(-1)).toEqual({ kind: 'resumed', gapSeconds: 4 * WINDOW });
});

test('windows that come a second time after the clock was set back are opened a second time', () => {
  const observed = begun();
  for (let round = 0; round < 6; round++) {
    observed.pass(WINDOW / 2);
    observed.round();
  }
  observed.opened.length = 0;
  observed.wall -= 2 * WINDOW;
  for (let round = 0; round < 6; round++) {
    observed.pass(WINDOW / 2);
    observed.round();
  }
  expect(observed.opened).toEqual(expect.arrayContaining([BEGIN + 2 * WINDOW, BEGIN + 3 * WINDOW]));
  expect(new Set(observed.opened).size).toBe(observed.opened.length);
  expect(observed.events).toEqual([{ kind: 'set-back', seconds: 2 * WINDOW }]);
  expect(observed.gapsWithin(0, observed.wall)).toEqual([]);
});
