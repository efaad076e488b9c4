import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layOut } from '../../../agent/record/columns.ts';
import { cutEnd, cutMiddle, padEnd, padStart, textWidth } from '../../../agent/terminal/text-width.ts';

describe('the cells that a text takes', () => {
  test.each([
    ['plain', 5],
    ['naïve', 5],
    ['nai\u0308ve', 5],
    ['東京', 4],
    ['😀', 2],
    ['ＡＢ', 4],
    ['…▾', 2],
    ['', 0],
    ['~', 1],
    ['é東', 3],
    ['한글', 4],
    ['𠀀', 2],
    ['a\u20dd', 1],
    ['ｱ', 1],
  ])('%s takes %d', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  test('are never more than a cut leaves, and padding fills them', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '東', '😀', '\u0308', 'é', '…') });
    fc.assert(
      fc.property(text, fc.integer({ min: 3, max: 20 }), (any, width) => {
        expect(textWidth(cutEnd(any, width))).toBeLessThanOrEqual(width);
        expect(textWidth(cutMiddle(any, width))).toBeLessThanOrEqual(width);
        expect(textWidth(padEnd(cutEnd(any, width), width))).toBe(width);
        expect(padStart(any, width).endsWith(any)).toBe(true);
        expect(textWidth(padStart(any, width))).toBe(Math.max(width, textWidth(any)));
      }),
    );
  });

  test.each([
    ['flowlogd', 8, 'flowlogd', 'flowlogd'],
    ['flowlogd', 7, 'flowlo…', 'flo…ogd'],
    ['flowlogd', 6, 'flowl…', 'fl…ogd'],
    ['flowlogd', 2, 'f…', '…d'],
    ['flowlogd', 1, '…', '…'],
    ['東京都庁', 8, '東京都庁', '東京都庁'],
    ['東京都庁', 7, '東京都…', '東…庁'],
    ['東京都庁', 6, '東京…', '東…庁'],
    ['東京都庁', 5, '東京…', '東…庁'],
    ['東京都庁', 4, '東…', '…庁'],
    ['e\u0301te\u0301', 2, 'e\u0301…', '…e\u0301'],
  ])('of %s, cut to %d, are %s or %s', (text, width, end, middle) => {
    expect([cutEnd(text, width), cutMiddle(text, width)]).toEqual([end, middle]);
  });

  test('are used up by a cut: not one more character would fit', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '東', '😀', 'é') });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 12 }), (any, width) => {
        const cut = cutEnd(any, width);
        if (cut === any) return;
        const kept = [...cut].slice(0, -1);
        const next = [...any][kept.length]!;
        expect(any.startsWith(kept.join(''))).toBe(true);
        expect(textWidth(`${kept.join('')}${next}…`)).toBeGreaterThan(width);
      }),
    );
  });

  test('align columns', () => {
    const rows = [
      ['東京', '1'],
      ['e\u0301', '22'],
      ['a\nb', '3'],
    ];
    const columns = [0, 1].map((index) => ({ title: 'ab'[index]!, cell: (row: string[]) => row[index]! }));
    const lines = layOut(columns, rows, 80, 2);
    expect(lines).toEqual(['a         b', '東京      1', 'e\u0301         22', 'a\\u000ab  3']);
  });
});
