import { expect, test } from 'vitest';
import { axisText, durationText, spanText, timeText } from '../../../agent/report/times.ts';

const START = Date.UTC(2010, 2, 5, 12, 0, 1) / 1000;

test.each([
  [0, 330, '2010-03-05 12:00:01 to 12:05:31'],
  [0.25, 1.5, '2010-03-05 12:00:01.250 to 12:00:02.500'],
  [0, 0, '2010-03-05 12:00:01.000'],
  [0, 86_400, '2010-03-05 12:00:01 to 2010-03-06 12:00:01'],
  [0, 1900 * 86_400, '2010-03-05 12:00:01 to 2015-05-18 12:00:01'],
  [1e13, 1e13 + 60, 'second 10001267790401 to 10001267790461'],
])('a span from %s to %s is written with its year, and its day once', (from, to, text) => {
  expect(spanText(START + from, START + to)).toBe(text);
});

test('a time is rounded down to its second, never up to one that no packet had', () => {
  expect(timeText(START + 0.999)).toBe('2010-03-05 12:00:01');
});

test.each([
  [59, '12:00:01'],
  [7200, '12:00'],
  [3 * 86_400, '03-05 12:00'],
  [400 * 86_400, '2010-03-05'],
  [182 * 86_400, '03-05 12:00'],
  [86_400, '12:00'],
  [3600, '12:00'],
  [3599, '12:00:01'],
])('a label of an axis of %s s says %s', (span, text) => {
  expect(axisText(START, span)).toBe(text);
});

test('a time that no calendar has is a label, too', () => {
  expect(axisText(1e13, 7200)).toBe('second 10000000000000');
});

test.each([
  [9.96, '10 s'],
  [10, '10 s'],
  [365 * 86_400, '1 year'],
  [365 * 86_400 - 1, '364 days 23 h'],
  [0.0004, '0.0004 s'],
  [0.257, '0.26 s'],
  [42.13, '42.1 s'],
  [59.94, '59.9 s'],
  [59.96, '1 min'],
  [60, '1 min'],
  [1232, '20 min 32 s'],
  [3599.9, '1 h'],
  [7500, '2 h 5 min'],
  [86_400, '1 day'],
  [3 * 86_400 + 4 * 3600, '3 days 4 h'],
  [(4 * 365 + 213) * 86_400, '4 years 213 days'],
])('%s s are written as %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
