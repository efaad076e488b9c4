import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { counted, humanBytes, humanCount } from '../../../agent/record/human.ts';
import { wrap } from '../../../agent/record/wrap.ts';

describe('bytes as people read them', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [34_500_000, '34.5 MB'],
    [2e9, '2.0 GB'],
    [3e12, '3.0 TB'],
    [4e15, '4.0 PB'],
    [5e18, '5.0 EB'],
    [6e21, '6000.0 EB'],
  ])('%d is %s', (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });
});

describe('counts as people read them', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [12_345_678, '12,345,678'],
    [123_456, '123,456'],
  ])('%d is %s', (count, text) => {
    expect(humanCount(count)).toBe(text);
  });

  test('one is singular, nothing and many are plural', () => {
    expect([0, 1, 2, 1000].map((count) => counted(count, 'packet'))).toEqual([
      '0 packets',
      '1 packet',
      '2 packets',
      '1,000 packets',
    ]);
  });
});

describe('wrapped text', () => {
  test('fills each line to its width, and no further', () => {
    expect(wrap('ab cd ef', 5)).toEqual(['ab cd', 'ef']);
    expect(wrap('ab cd ef', 4)).toEqual(['ab', 'cd', 'ef']);
    expect(wrap('ab cd ef', 8)).toEqual(['ab cd ef']);
  });

  test('gives a longer word a line of its own, and nothing no line', () => {
    expect(wrap('a verylongword b', 6)).toEqual(['a', 'verylongword', 'b']);
    expect(wrap('', 6)).toEqual([]);
  });

  test('keeps all words in order, whatever the white space between them', () => {
    const word = fc.stringMatching(/^[a-z]{1,9}$/);
    fc.assert(
      fc.property(
        fc.array(word),
        fc.constantFrom(' ', '  ', '\n', ' \t'),
        fc.integer({ min: 1, max: 30 }),
        (words, space, width) => {
          const lines = wrap(words.join(space), width);
          expect(lines.flatMap((line) => line.split(' '))).toEqual(words);
          for (const line of lines) expect(line.length <= width || !line.includes(' ')).toBe(true);
        },
      ),
    );
  });
});
