import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readKeys, settleKeys } from '../../../agent/live-table/key-reader.ts';

/** All keys of the chunks, and of what is unread in the end. */
function keysOf(...chunks: string[]): readonly string[] {
  let unread = '';
  const all: string[] = [];
  for (const chunk of chunks) {
    const read = readKeys(unread, chunk);
    all.push(...read.keys);
    unread = read.unread;
  }
  return [...all, ...settleKeys(unread)];
}

describe('keys out of what a terminal sends', () => {
  test.each([
    ['\u001b[A', 'up'],
    ['\u001bOA', 'up'],
    ['\u001b[1;5A', 'up'],
    ['\u001b[B', 'down'],
    ['\u001b[H', 'home'],
    ['\u001b[1~', 'home'],
    ['\u001b[7~', 'home'],
    ['\u001b[F', 'end'],
    ['\u001bOF', 'end'],
    ['\u001b[4~', 'end'],
    ['\u001b[8~', 'end'],
    ['\u001b[5~', 'page up'],
    ['\u001b[6~', 'page down'],
    ['\u001b[6;2~', 'page down'],
  ])('%j is %s, whole and in pieces', (sequence, key) => {
    expect(keysOf(sequence)).toEqual([key]);
    expect(keysOf(...sequence)).toEqual([key]);
  });

  test('several come in one chunk, with the beginning of the next', () => {
    expect(readKeys('', 'j\u001b[B\u001b[6~q\u001b[')).toEqual({
      keys: ['j', 'down', 'page down', 'q'],
      unread: '\u001b[',
    });
    expect(readKeys('\u001b[', 'Ax')).toEqual({ keys: ['up', 'x'], unread: '' });
  });

  test('an Escape is a key once nothing follows it, and before one that is no sequence', () => {
    expect(readKeys('', '\u001b')).toEqual({ keys: [], unread: '\u001b' });
    expect(keysOf('\u001b')).toEqual(['\u001b']);
    expect(keysOf('\u001bx')).toEqual(['\u001b', 'x']);
    expect(keysOf('\u001b\u001b[A')).toEqual(['\u001b', 'up']);
  });

  test('keys without a name, and sequences without an end, are nothing; Ctrl-C behind one is', () => {
    expect(keysOf('\u001b[15~', '\u001bOP', '\u001b[200~')).toEqual([]);
    expect(keysOf('\u001b[12\u0003')).toEqual(['\u0003']);
    expect(keysOf(`\u001b[${'1'.repeat(18)}`).length).toBe(2);
  });

  test('of any text are the same however it is split, and never leave much unread', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 4 }),
      fc.constantFrom('\u001b', '\u001b[', '\u001bO', '\u001b[A', '\u001b[6~', '\u001b[1;', '9'.repeat(20), '名', '😀'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        expect(keysOf(...pieces)).toEqual(keysOf(text));
        expect(keysOf(...text)).toEqual(keysOf(text));
        expect(readKeys('', text).unread.length).toBeLessThan(24);
      }),
    );
  });
});
