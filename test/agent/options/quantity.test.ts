import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatSeconds, parseBytes, parseInteger, parseSeconds } from '../../../agent/options/quantity.ts';

describe('quantities', () => {
  test.each([
    ['60', 60],
    ['10s', 10],
    ['5m', 300],
    ['1 h', 3600],
    ['7d', 604_800],
    ['', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1.5m', undefined],
    ['5min', undefined],
    ['5M', undefined],
    ['1constructor', undefined],
    ['99999999999999999999', undefined],
  ])('the duration %j is %s', (text, seconds) => expect(parseSeconds(text)).toBe(seconds));

  test.each([
    ['4096', 4096],
    ['1B', 1],
    ['512KiB', 524_288],
    ['64MiB', 67_108_864],
    ['64MB', undefined],
    ['64mib', undefined],
    ['9999999TiB', undefined],
  ])('the size %j is %s', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  test.each([
    ['0', 0],
    ['-12', -12],
    ['1e3', undefined],
    ['0x10', undefined],
    [' 1', undefined],
  ])('the integer %j is %s', (text, value) => expect(parseInteger(text)).toBe(value));

  test('what is printed is read back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(parseSeconds(formatSeconds(value))).toBe(value);
        expect(parseBytes(formatBytes(value))).toBe(value);
      }),
    );
    expect([formatSeconds(0), formatSeconds(90), formatSeconds(7200)]).toEqual(['0s', '90s', '2h']);
    expect([formatBytes(0), formatBytes(65_536), formatBytes(1025)]).toEqual(['0B', '64KiB', '1025B']);
  });
});
