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

/** Optimal string alignment as it is defined, by recursion. */
function distance(left: string, right: string): number {
  if (left === '' || right === '') return left.length + right.length;
  const [front, last] = [left.slice(0, -1), left.at(-1)];
  const [otherFront, otherLast] = [right.slice(0, -1), right.at(-1)];
  const edits = [
    distance(front, right) + 1,
    distance(left, otherFront) + 1,
    distance(front, otherFront) + (last === otherLast ? 0 : 1),
  ];
  const isSwapped = front !== '' && last === otherFront.at(-1) && otherLast === front.at(-1);
  if (isSwapped) edits.push(distance(front.slice(0, -1), otherFront.slice(0, -1)) + 1);
  return Math.min(...edits);
}

test('a word is near where a third of its letters differ at most, or one of them', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(word, word, (asked, known) => {
      const isNear = distance(asked, known) <= Math.max(1, Math.floor(asked.length / 3));
      expect(nearestWord(asked, [known])).toBe(isNear ? known : undefined);
    }),
    { numRuns: 500 },
  );
});

test('of two that are equally near, the first is taken', () => {
  expect(nearestWord('port', ['sort', 'post'])).toBe('sort');
  expect(nearestWord('ports', ['sort', 'post', 'port'])).toBe('port');
});
