import { expect, test } from 'vitest';
import { absentSince, encodeObservedUntil, SYNCED_AT, UNTIL_AT } from '../../../agent/meter/observed-until.ts';

const KEY = '0123456789abcdef';

function written(untilSeconds: number, syncedSeconds: number): Uint8Array {
  const file = encodeObservedUntil(KEY, 'boot-1', 1000);
  new Float64Array(file.buffer, UNTIL_AT, 1)[0] = untilSeconds;
  new Float64Array(file.buffer, SYNCED_AT, 1)[0] = syncedSeconds;
  return file;
}

test('after a kill a point is absent since its last round', () => {
  expect(absentSince(written(2000.5, 1500), KEY, 'boot-1')).toBe(2000.5);
});

test('after a reboot it is absent since what was surely on the disk', () => {
  expect(absentSince(written(2000.5, 1500), KEY, 'boot-2')).toBe(1500);
  expect(absentSince(written(1400, 1500), KEY, 'boot-2')).toBe(1400);
});

test('a new run knows what the one before knew until it has observed something', () => {
  expect(absentSince(encodeObservedUntil(KEY, 'boot-2', 1234), KEY, 'boot-2')).toBe(1234);
  expect(absentSince(encodeObservedUntil(KEY, 'boot-2', 1234), KEY, 'boot-3')).toBe(1234);
});

test('nobody knows where there is no file, or one that is damaged, cut, of another point or without a time', () => {
  const whole = written(2000, 1500);
  const damaged = whole.slice();
  damaged[40]! ^= 1;
  for (const file of [new Uint8Array(0), damaged, whole.subarray(0, 4100), written(Number.NaN, 0), written(0, 0)])
    expect(absentSince(file, KEY, 'boot-1')).toBeUndefined();
  expect(absentSince(whole, 'another', 'boot-1')).toBeUndefined();
});
