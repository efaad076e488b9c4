import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInterfacePattern, matchesInterface } from '../../../agent/config/interface-pattern.ts';

/** The same rule, letter by letter. */
function matchesSlowly(pattern: string, name: string): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return name === '';
  if (first === '*')
    return matchesSlowly(rest.join(''), name) || (name !== '' && matchesSlowly(pattern, name.slice(1)));
  return name !== '' && (first === '?' || first === name[0]) && matchesSlowly(rest.join(''), name.slice(1));
}

describe('a pattern of interface names', () => {
  test.each([
    ['eth*', true],
    ['veth?', true],
    ['eth0', false],
    ['any', false],
    ['eth[0-9]', false],
  ])('%s may stand for several: %s', (text, is) => expect(isInterfacePattern(text)).toBe(is));

  test.each([
    ['eth*', 'eth0', true],
    ['eth*', 'eth', true],
    ['eth*', 'veth0', false],
    ['eth?', 'eth10', false],
    ['*', 'anything', true],
    ['*.100', 'eth0.100', true],
    ['*.100', 'eth0x100', false],
    ['a+b(c)[d]{e}|f^g$h\\', 'a+b(c)[d]{e}|f^g$h\\', true],
    ['br-?', 'br-ü', true],
  ])('%s matches %s: %s', (pattern, name, matches) => expect(matchesInterface(pattern, name)).toBe(matches));

  test('means what it says, letter by letter', () => {
    const letter = fc.constantFrom('a', 'b', '.', '-', '+', '(', '[', '\\', '$');
    const pattern = fc
      .array(fc.oneof(letter, fc.constantFrom('*', '?')), { maxLength: 8 })
      .map((each) => each.join(''));
    const name = fc.array(letter, { maxLength: 8 }).map((each) => each.join(''));
    fc.assert(
      fc.property(pattern, name, (text, interfaceName) => {
        expect(matchesInterface(text, interfaceName)).toBe(matchesSlowly(text, interfaceName));
      }),
      { numRuns: 1000 },
    );
  });
});
