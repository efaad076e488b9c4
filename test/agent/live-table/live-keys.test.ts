import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INITIAL_STATE, press } from '../../../agent/live-table/live-keys.ts';

const pressed = (...chunks: string[]) => chunks.reduce(press, INITIAL_STATE);

describe('the keys of the live table', () => {
  test.each([
    ['b', 'bytes'],
    ['p', 'packets'],
    ['r', 'rate'],
    ['f', 'first'],
    ['l', 'last'],
  ])('%s sorts by %s', (key, sort) => {
    expect(pressed('l', key).choices.sort).toBe(sort);
  });

  test('a filter is at work while it is typed, stays with Enter and goes with Escape', () => {
    expect(pressed('/', 'port 5', '\u007f', '8')).toMatchObject({ typing: 'port 8', choices: { filter: 'port 8' } });
    expect(pressed('/tcp\r')).toMatchObject({ typing: undefined, choices: { filter: 'tcp' } });
    expect(pressed('/tcp\r', '/', '!\r').choices.filter).toBe('tcp!');
    expect(pressed('/tcp', '\u001b')).toMatchObject({ typing: undefined, choices: { filter: '' } });
    expect(pressed('/tcp', '\u0015', 'udp').choices.filter).toBe('udp');
    expect(pressed('/q').quit).toBe(false);
  });

  test('n, space and ? are there and back', () => {
    expect(pressed('n').choices.names).toBe(true);
    expect(pressed(' ').paused).toBe(true);
    expect(pressed('?').showsHelp).toBe(true);
    expect(pressed(...'nn  ??')).toEqual(INITIAL_STATE);
  });

  test.each(['q', '\u0003', '\u0004'])('%j quits', (key) => {
    expect(pressed(key).quit).toBe(true);
  });

  test('Ctrl-C quits in the middle of a filter, too', () => {
    expect(pressed('/ab', '\u0003').quit).toBe(true);
  });

  test('special keys do nothing', () => {
    expect(pressed('\u001b[A', '\u001bOP')).toEqual(INITIAL_STATE);
  });

  test('no key brings a control character into the filter, nor a filter without an end', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii' }), { maxLength: 300 }), (chunks) => {
        const { filter } = pressed('/', ...chunks).choices;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
        expect(filter).not.toMatch(/[\u0000-\u001f\u007f]/);
        expect(filter.length).toBeLessThanOrEqual(200);
      }),
    );
  });
});
