import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { visible, visibleLines } from '../../../agent/terminal/visible-text.ts';
import { visible as visibleInLogService } from '../../../logservice/visible-text.ts';

/** All that a terminal obeys, turns or hides. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('a', '"', '\\', '\n', '\r', '\t', '\u001b', '\u0085', '\u009b', '\u202e', '\u200d'),
  }),
);

describe('foreign text', () => {
  test.each([
    ['\u001b[31mred', '\\u001b[31mred'],
    ['\u009b2J', '\\u009b2J'],
    ['a\u202egpj.exe', 'a\\u202egpj.exe'],
    ['two\nlines\r\n', 'two\\u000alines\\u000d\\u000a'],
    ['del\u007f nul\u0000', 'del\\u007f nul\\u0000'],
    ['\u2028\u2029\ufeff\u061c\u2066\u200b', '\\u2028\\u2029\\ufeff\\u061c\\u2066\\u200b'],
    ['\u{e0041}', '\\udb40\\udc41'],
    ['\u3164\u115f\u034f\ufe0f', '\\u3164\\u115f\\u034f\\ufe0f'],
    ['Straße 東京 😀', 'Straße 東京 😀'],
  ])('%j is shown as %j', (foreign, shown) => {
    expect(visible(foreign)).toBe(shown);
  });

  test('has no character left that acts on a terminal, whatever it is', () => {
    fc.assert(
      fc.property(text, (any) => {
        expect(visible(any)).not.toMatch(UNPRINTABLE);
        expect(visibleLines(any).replaceAll(/\r\n|[\n\t]/g, '')).not.toMatch(UNPRINTABLE);
      }),
    );
  });

  test('is the same value where it is JSON', () => {
    fc.assert(
      fc.property(text, (any) => {
        expect(JSON.parse(visibleLines(JSON.stringify({ [any]: any }, undefined, 2)))).toEqual({ [any]: any });
      }),
    );
  });

  test('is shown alike by the log service, save that tabs and line ends of CSV are the agent’s', () => {
    fc.assert(
      fc.property(text, (any) => {
        const same = any.replaceAll(/[\t\r]/g, '');
        expect(visibleInLogService(same)).toBe(visibleLines(same));
      }),
    );
  });
});
