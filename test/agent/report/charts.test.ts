import { describe, expect, test } from 'vitest';
import { barChart, niceCeiling, timelineChart } from '../../../agent/report/charts.ts';
import { type Drawing, type Step, Timeline } from '../../../agent/report/timeline.ts';

const MAY_1 = Date.UTC(2024, 4, 1) / 1000;
const DAY = 86_400;

/** A drawing of steps of 60 s, by the seconds after the first of May at which they begin. */
function drawn(steps: Readonly<Record<number, Partial<Step>>>): Drawing {
  const timeline = new Timeline(60);
  for (const [after, parts] of Object.entries(steps)) {
    const start = MAY_1 + Number(after);
    Object.assign(timeline.of(start), { packets: 1, first: start + 1, last: start + 59, ...parts });
  }
  return timeline.draw();
}

const textOf = (html: string) => html.replaceAll(/<[^>]*>/g, '|').replaceAll(/[|\s]*\|[|\s]*/g, ' | ');
const all = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map(([, ...found]) => found.join(' '));

/** `kind height` of each piece of a bar, `-` before each bar, `empty N` for the room of N steps. */
function barsOf(drawing: Drawing): string {
  const html = timelineChart(drawing).text;
  const pieces = all(html, /(<label>)|<i class="(\w+)" style="height:([^"]*)"|<span style="flex-grow:(\d+)"/g);
  return pieces.map((piece) => piece.trim().replace('<label>', '-').replace(/^\d/, 'empty $&')).join(', ');
}

describe('bytes over time', () => {
  test('are bars whose heights are shares of a round number', () => {
    const drawing = drawn({ 0: { bytes: 900 }, 60: { bytes: 450 }, 120: { bytes: 1 } });
    expect(barsOf(drawing)).toBe('-, accepted 90%, -, accepted 45%, -, accepted 0.1%');
    expect(all(timelineChart(drawing).text, /class="scale"[^>]*>(.*?)<\/div>/g).map(textOf)).toEqual([
      ' | 1.0 kB | 500 B | 0 | ',
    ]);
  });

  test('have what was rejected at the bottom of a bar, and another colour where a window is incomplete', () => {
    const rejected = { bytes: 1000, rejectedBytes: 250 };
    expect(barsOf(drawn({ 0: rejected, 60: { ...rejected, isIncomplete: true } }))).toBe(
      '-, rejected 25%, accepted 75%, -, rejected 25%, incomplete 75%',
    );
    expect(barsOf(drawn({ 0: { bytes: 1000, rejectedBytes: 1000 } }))).toBe('-, rejected 100%');
  });

  test('have no bar where nothing came, and the room of the steps between two bars', () => {
    expect(barsOf(drawn({ 0: { bytes: 10 }, 60: { bytes: 0 }, 300: { bytes: 10 } }))).toBe(
      '-, accepted 100%, -, empty 3, -, accepted 100%',
    );
  });

  test('say the numbers of each bar to whoever cannot see it', () => {
    const steps = { 0: { bytes: 1000, packets: 7, rejectedBytes: 250, isIncomplete: true }, 60: { bytes: 1 } };
    expect(all(timelineChart(drawn(steps)).text, /<input[^>]* aria-label="([^"]*)"/g)).toEqual([
      '2024-05-01 00:00:00: 1.0 kB, 7 packets, 250 B of it rejected, incomplete',
      '2024-05-01 00:01:00: 1 B, 1 packet',
    ]);
  });

  test.each([
    ['one bar', { 0: {} }, '00:00:00 | 00:01:00'],
    ['three bars', { 0: {}, 120: {} }, '00:00:00 | 00:01:00 | 00:02:00 | 00:03:00'],
    ['eight bars', { 0: {}, 420: {} }, '00:00:00 | 00:02:00 | 00:04:00 | 00:06:00 | 00:08:00'],
    ['a night and its pause', { 0: {}, 39600: {} }, '00:00 | 11:01'],
    ['days', { 0: {}, [2 * DAY]: {} }, '05-01 00:00 | 05-03 00:01'],
  ])('have the time below them: %s', (_what, steps, labels) => {
    const html = timelineChart(drawn(steps)).text;
    const [times] = all(html, /<div class="times"[^>]*>(.*?)<\/div>/g);
    expect(textOf(times!).slice(3, -3)).toBe(labels);
  });

  test('have a break for each long time without packets, measured from packet to packet, and say it below in words', () => {
    const html = timelineChart(
      drawn({ 0: { bytes: 1000, packets: 2 }, 60: { bytes: 500 }, 7200: { bytes: 250 }, [DAY]: { bytes: 125 } }),
    ).text;
    expect(all(html, /class="break" title="([^"]*)"/g)).toEqual([
      '1 h 58 min without packets',
      '21 h 59 min without packets',
    ]);
    expect(all(html, /class="stretch" style="flex-grow:(\d+)"/g)).toEqual(['2', '1', '1']);
    expect(all(html, /<li[^>]*>(.*?)<\/li>/g)).toEqual([
      '2024-05-01 00:00:01 to 00:01:59: 1.5 kB, 3 packets',
      '1 h 58 min without packets',
      '2024-05-01 02:00:01 to 02:00:59: 250 B, 1 packet',
      '21 h 59 min without packets',
      '2024-05-02 00:00:01 to 00:00:59: 125 B, 1 packet',
    ]);
  });

  test('have the time of its window for a stretch in which packets were lost and none is in a record', () => {
    const lost = { packets: 0, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY, isIncomplete: true };
    const html = timelineChart(drawn({ 0: { bytes: 10 }, 3600: lost, 7200: { bytes: 10 } })).text;
    expect(all(html, /<li[^>]*>(.*?)<\/li>/g)).toEqual([
      '2024-05-01 00:00:01 to 00:00:59: 10 B, 1 packet',
      '59 min 1 s without packets',
      '2024-05-01 01:00:00: 0 B, 0 packets',
      '1 h without packets',
      '2024-05-01 02:00:01 to 02:00:59: 10 B, 1 packet',
    ]);
  });

  test('have no list of one stretch', () => {
    expect(timelineChart(drawn({ 0: { bytes: 10 } })).text).not.toContain('<ol');
  });
});

describe('a bar chart', () => {
  const bar = (label: string, ...sizes: readonly number[]) => ({
    label,
    value: `${label}!`,
    parts: sizes.map((size, index) => ({ kind: ['accepted', 'second'][index]!, size })),
  });
  const widths = (html: string) => all(html, /<i class="(\w+)" style="width:([^"]*)"/g);

  test('fills the line with the longest of its bars, all its parts together', () => {
    const { text } = barChart([bar('a', 300, 100), bar('b', 0, 200), bar('c', 100, 0)]);
    expect(widths(text)).toEqual([
      ...['accepted 75%', 'second 25%'],
      ...['accepted 0%', 'second 50%'],
      ...['accepted 25%', 'second 0%'],
    ]);
    expect(textOf(text)).toBe(' | a | a! | b | b! | c | c! | ');
  });

  test('has bars without width where there is nothing', () => {
    expect(widths(barChart([bar('a', 0)]).text)).toEqual(['accepted 0%']);
  });
});

test.each([
  [1, 1],
  [1.2, 1.5],
  [2.5, 2.5],
  [7, 8],
  [8.1, 10],
  [9, 10],
  [11, 15],
  [0.3, 0.3],
  [21, 25],
  [1_200_000, 1_500_000],
])('the scale for %s ends at %s', (value, ceiling) => expect(niceCeiling(value)).toBeCloseTo(ceiling, 9));
