import { expect, test } from 'vitest';
import { fillRandomly } from '../../../agent/native/random.ts';

test('fills all of what it is given, each time with something else', () => {
  const [one, other] = [fillRandomly(new Int32Array(64)), fillRandomly(new Int32Array(64))];
  expect(one).not.toEqual(other);
  expect([...one].filter((word) => word === 0).length).toBeLessThan(3);
  expect(fillRandomly(Buffer.alloc(8)).toString('hex')).toMatch(/^[\da-f]{16}$/);
});
