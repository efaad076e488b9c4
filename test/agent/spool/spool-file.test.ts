import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSpoolFile, spoolHeader } from '../../../agent/spool/spool-file.ts';
import { formatSpoolName, parseSpoolName, pieceNames, wholesOf } from '../../../agent/spool/spool-name.ts';

test('any payload comes back whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (payload) => {
      const file = Buffer.concat([spoolHeader(payload), payload]);
      const found = readSpoolFile(file);
      expect(found).toEqual({ kind: 'whole', payload: Buffer.from(payload) });
    }),
  );
});

test('any change of any bit is damage', () => {
  const payload = Uint8Array.from({ length: 40 }, (_, i) => i);
  const file = Buffer.concat([spoolHeader(payload), payload]);
  for (let bit = 0; bit < file.length * 8; bit++) {
    const spoiled = Uint8Array.from(file);
    spoiled[bit >> 3]! ^= 1 << (bit & 7);
    expect(readSpoolFile(spoiled).kind).toBe('damaged');
  }
});

test('any bytes are an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(readSpoolFile(bytes).kind).toBe('damaged');
    }),
  );
});

test('names come back, sort by sequence before anything else, and pieces stand where their whole stood', () => {
  const name = fc.record({
    sequence: fc.nat({ max: 99_999_999 }),
    piece: fc.constantFrom('', '0', '1', '01', '10'),
    spooledSeconds: fc.nat(),
  });
  fc.assert(
    fc.property(name, name, (left, right) => {
      const [leftName, rightName] = [formatSpoolName(left), formatSpoolName(right)];
      expect(parseSpoolName(leftName)).toEqual(left);
      if (left.sequence !== right.sequence) expect(leftName < rightName).toBe(left.sequence < right.sequence);
      const pieces = pieceNames(leftName, 2);
      expect(pieces[0]! < pieces[1]!).toBe(true);
      for (const piece of pieces) expect(wholesOf(piece)).toContain(leftName);
      if (left.sequence < right.sequence) expect(pieces[1]! < rightName).toBe(true);
    }),
  );
  expect(wholesOf('000000000042.01-001700000060.flows')).toEqual([
    '000000000042-001700000060.flows',
    '000000000042.0-001700000060.flows',
  ]);
  expect(['lock', 'quarantine', '000000000042-001700000060.flows.tmp', '42-1.flows'].map(parseSpoolName)).toEqual(
    new Array(4).fill(undefined),
  );
});
