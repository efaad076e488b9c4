import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearestWord } from '../../../agent/options/nearest.ts';

const KNOWN = ['windowSeconds', 'interfaces', 'name', 'id'];

test.each([
  ['windowSecond', 'windowSeconds'],
  ['WINDOWSECONDS', 'windowSeconds'],
  ['wnidowSeconds', 'windowSeconds'],
  ['interface', 'interfaces'],
  ['nmae', 'name'],
  ['di', 'id'],
  ['colour', undefined],
  ['', undefined],
])('the nearest word of %j is %s', (word, nearest) => expect(nearestWord(word, KNOWN)).toBe(nearest));

test('a word that is known is its own nearest, and nothing is near where nothing is known', () => {
  for (const word of KNOWN) expect(nearestWord(word, KNOWN)).toBe(word);
  expect(nearestWord('name', [])).toBeUndefined();
});

test('a slip of one key in a long word is forgiven, whichever it is', () => {
  const word = 'windowSeconds';
  fc.assert(
    fc.property(fc.nat(word.length - 1), fc.constantFrom('drop', 'double', 'swap', 'other'), (at, slip) => {
      const typed = {
        drop: word.slice(0, at) + word.slice(at + 1),
        double: word.slice(0, at) + word[at]! + word.slice(at),
        swap:
          word.slice(0, at) +
          word
            .slice(at, at + 2)
            .split('')
            .reverse()
            .join('') +
          word.slice(at + 2),
        other: `${word.slice(0, at)}x${word.slice(at + 1)}`,
      }[slip];
      expect(nearestWord(typed, KNOWN)).toBe(word);
    }),
  );
});
