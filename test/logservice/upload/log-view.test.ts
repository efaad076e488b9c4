import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentFields, timeField } from '../../../agent/export/cls/message.ts';
import { LogView } from '../../../logservice/upload/log-view.ts';

const pairs = fc.array(
  fc.record({
    key: fc.string({ unit: 'grapheme', minLength: 1 }),
    value: fc.string({ unit: 'grapheme', maxLength: 300 }),
  }),
  { maxLength: 20 },
);
const logOf = (contents: readonly { readonly key: string; readonly value: string }[], time = 1_700_000_000_000) =>
  Buffer.concat([timeField(time), contentFields(contents.map(({ key, value }) => [key, value] as const))]);

test('a log is read in place, among other bytes', () => {
  fc.assert(
    fc.property(pairs, fc.nat({ max: 2 ** 48 - 1 }), fc.nat({ max: 9 }), (contents, time, before) => {
      const log = logOf(contents, time);
      const body = Buffer.concat([Buffer.alloc(before, 0xff), log, Buffer.alloc(9, 0xff)]);
      const view = new LogView(body);
      expect(view.read(before, before + log.length)).toBe(true);
      expect(view.time).toBe(time);
      expect(view.contents()).toEqual(contents);
    }),
  );
});

test('one view reads log after log', () => {
  const [first, second] = [
    logOf([
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ]),
    logOf([]),
  ];
  const view = new LogView(Buffer.concat([first, second]));
  expect(view.read(0, first.length)).toBe(true);
  expect(view.read(first.length, first.length + second.length)).toBe(true);
  expect(view.contents()).toEqual([]);
});

const content = contentFields([['key', 'value']]);
test.each([
  ['without a time', content],
  ['with the time behind', Buffer.concat([content, timeField(5)])],
  ['before 1970', Buffer.concat([timeField(-5), content])],
  ['with the value first', Uint8Array.of(8, 1, 0x12, 6, 0x12, 1, 0x76, 0x0a, 1, 0x6b)],
  ['with a key alone', Uint8Array.of(8, 1, 0x12, 3, 0x0a, 1, 0x6b)],
  ['with a further field', Buffer.concat([timeField(5), content, Uint8Array.of(0x18, 1)])],
  ['with something behind the value', Uint8Array.of(8, 1, 0x12, 8, 0x0a, 1, 0x6b, 0x12, 1, 0x76, 0x18, 1)],
  ['that is empty', new Uint8Array(0)],
])('a log %s is left to reflection', (_, bytes) => {
  expect(new LogView(Buffer.from(bytes)).read(0, bytes.length)).toBe(false);
});

test('no length leads behind the end of the log', () => {
  fc.assert(
    fc.property(pairs, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), (contents, changes) => {
      const log = logOf(contents);
      for (const [at, byte] of changes) log[at % log.length] = byte;
      const body = Buffer.concat([log, Buffer.alloc(600, 0x41)]);
      const view = new LogView(body);
      if (!view.read(0, log.length)) return;
      for (let index = 0; index < view.count; index++) {
        expect(view.keyTo[index]).toBeLessThanOrEqual(log.length);
        expect(view.valueTo[index]).toBeLessThanOrEqual(log.length);
      }
    }),
    { numRuns: 1000 },
  );
});
