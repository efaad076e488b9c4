import { expect, test } from 'vitest';
import { isoText, utcText } from '../../../agent/model/utc-text.ts';

test.each([
  [0, '1970-01-01T00:00:00'],
  [-1, '1969-12-31T23:59:59'],
  [1_714_565_100, '2024-05-01T12:05:00'],
  [253_402_300_799, '9999-12-31T23:59:59'],
  [253_402_300_800, '+010000-01-01T00:00:00'],
  [-62_167_219_201, '-000001-12-31T23:59:59'],
  [8_640_000_000_000, '+275760-09-13T00:00:00'],
])('second %d is %s, whole', (seconds, text) => {
  expect(isoText(seconds)).toBe(text);
  expect(utcText(seconds)).toBe(`${text.replace('T', ' ')}Z`);
});

test('a time that no calendar has is its number', () => {
  expect(isoText(8_640_000_000_001)).toBeUndefined();
  expect(utcText(8_640_000_000_001)).toBe('second 8640000000001');
});
