import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layOut } from '../../../agent/record/columns.ts';
import { cutEnd, cutMiddle, padEnd, textWidth } from '../../../agent/terminal/text-width.ts';

describe('the cells that a text takes', () => {
  test.each([
    ['plain', 5],
    ['naïve', 5],
    ['nai\u0308ve', 5],
    ['東京', 4],
    ['😀', 2],
    ['ＡＢ', 4],
    ['…▾', 2],
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
