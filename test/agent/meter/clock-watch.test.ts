import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClockWatch } from '../../../agent/meter/clock-watch.ts';

const START_MS = 1_700_000_000_000;

/** A machine on which time passes, that sleeps, and whose clock is set: all in milliseconds. */
class Machine {
  wallMs = START_MS;
  awakeMs = 5000;
  bootMs = 9000;
  reads = 0;
  readonly watch = new ClockWatch(() => {
    this.reads += 1;
    const { wallMs, awakeMs, bootMs } = this;
    return { wallMs, awakeMs, bootMs };
  });

  pass(ms: number): this {
    this.awakeMs += ms;
    return this.sleep(ms);
  }

  sleep(ms: number): this {
    this.wallMs += ms;
    this.bootMs += ms;
    return this;
  }

  setClock(byMs: number): this {
    this.wallMs += byMs;
    return this;
  }

  look() {
    return this.watch.look(this.wallMs);
  }
}

const at = (ms: number) => (START_MS + ms) / 1000;

describe('a jump of the clock', () => {
  test.each<[string, (machine: Machine) => Machine, object | undefined]>([
    ['is none where time passes', (machine) => machine.pass(1000), undefined],
    ['is none where the process was late', (machine) => machine.pass(3_600_000), undefined],
    ['is none where the clock is corrected', (machine) => machine.pass(1000).setClock(2000), undefined],
    ['is none where it is corrected back', (machine) => machine.pass(5000).setClock(-2000), undefined],
    [
      'begins with the last look where the machine slept',
      (machine) => machine.pass(500).sleep(60_000).pass(250),
      { fromSeconds: at(0), toSeconds: at(60_750), reason: 'suspended' },
    ],
    [
      'begins with the last look where the clock was set forward',
      (machine) => machine.pass(500).setClock(60_000),
      { fromSeconds: at(0), toSeconds: at(60_500), reason: 'clock-jumped' },
    ],
    [
      'goes from what the clock would show to what it shows where it was set back',
      (machine) => machine.pass(500).setClock(-60_000).pass(500),
      { fromSeconds: at(1000), toSeconds: at(-59_000), reason: 'clock-jumped' },
    ],
    [
      'goes back from the end of a sleep',
      (machine) => machine.sleep(30_000).setClock(-60_000),
      { fromSeconds: at(30_000), toSeconds: at(-30_000), reason: 'clock-jumped' },
    ],
    [
      'is a sleep where that is the larger part of it',
      (machine) => machine.sleep(60_000).setClock(30_000),
      { fromSeconds: at(0), toSeconds: at(90_000), reason: 'suspended' },
    ],
    [
      'is a set clock where that is the larger part of it',
      (machine) => machine.sleep(30_000).setClock(60_000),
      { fromSeconds: at(0), toSeconds: at(90_000), reason: 'clock-jumped' },
    ],
  ])('%s', (_what, happens, jump) => expect(happens(new Machine()).look()).toEqual(jump));

  test('is noticed once, and all of them together are what the clocks differ by', () => {
    const step = fc.record({
      ms: fc.integer({ min: 1000, max: 100_000 }),
      by: fc.constantFrom(-86_400_000, 0, 7_200_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        const machine = new Machine();
        let seen = 0;
        for (const { ms, by } of steps) {
          const jump = machine.pass(ms).setClock(by).look();
          expect(jump !== undefined).toBe(by !== 0);
          if (jump !== undefined) seen += jump.toSeconds - jump.fromSeconds - (by > 0 ? ms / 1000 : 0);
          expect(machine.pass(1500).look()).toBeUndefined();
        }
        expect(seen * 1000).toBeCloseTo(
          steps.reduce((sum, { by }) => sum + by, 0),
          0,
        );
      }),
    );
  });

  test('is looked for once a second: reading three clocks is not for every round', () => {
    const machine = new Machine();
    const { reads } = machine;
    for (let round = 0; round < 9; round++) machine.pass(100).look();
    expect(machine.reads).toBe(reads);
    machine.pass(100).look();
    expect(machine.reads).toBe(reads + 1);
    machine.setClock(-10_000).look();
    expect(machine.reads).toBe(reads + 2);
  });
});
