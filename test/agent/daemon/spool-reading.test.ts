import { expect, test, vi } from 'vitest';
import { SpoolReading } from '../../../agent/daemon/spool-reading.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';

/** A spool whose names take so many steps, and whose sizes as many; a step may be refused. */
class SteppedSpool {
  steps = 0;
  refused = false;
  readonly #steps: number;

  constructor(steps: number) {
    this.#steps = steps;
  }

  get isListed(): boolean {
    return this.steps >= this.#steps;
  }

  readSome(): boolean {
    if (this.refused) throw new OperationalError('spool.unusable', 'the disk refuses');
    this.steps++;
    return this.steps < 2 * this.#steps;
  }
}

test('names are known before sizes, and others have their turn between two steps', async () => {
  const spool = new SteppedSpool(50);
  const onComplete = vi.fn();
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  const reading = new SpoolReading(spool, { onState: vi.fn(), onComplete });
  expect(spool.steps).toBe(1);
  expect(await reading.listed).toBe(true);
  expect(onComplete).not.toHaveBeenCalled();
  await expect.poll(() => onComplete).toHaveBeenCalledOnce();
  clearInterval(counting);
  expect(spool.steps).toBe(100);
  expect(turns).toBeGreaterThan(0);
});

test('a folder that cannot be read is told once and tried again until it can', async () => {
  const spool = new SteppedSpool(3);
  spool.refused = true;
  const onState = vi.fn();
  const reading = new SpoolReading(spool, { onState, onComplete: vi.fn() });
  expect(onState).toHaveBeenCalledOnce();
  spool.refused = false;
  expect(await reading.listed).toBe(true);
  expect(onState.mock.calls.map(([failure]) => failure?.code)).toEqual(['spool.unusable', undefined]);
});

test('a stop waits for the names, which windows need, and not for the sizes', async () => {
  const spool = new SteppedSpool(20);
  const onComplete = vi.fn();
  const reading = new SpoolReading(spool, { onState: vi.fn(), onComplete });
  reading.stop();
  expect(await reading.listed).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([spool.steps, onComplete.mock.calls.length]).toEqual([20, 0]);
});

test('a stop does not wait for a folder that cannot be read', async () => {
  const spool = new SteppedSpool(20);
  spool.refused = true;
  const reading = new SpoolReading(spool, { onState: vi.fn(), onComplete: vi.fn() });
  reading.stop();
  expect(await reading.listed).toBe(false);
});
