import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  labelEndOf,
  readLabel,
  readSpoolFile,
  SPOOL_HEADER_BYTES,
  spoolHeader,
} from '../../../agent/spool/spool-file.ts';
import { formatSpoolName, parseSpoolName, pieceNames, wholesOf } from '../../../agent/spool/spool-name.ts';
import { version1SpoolFile } from '../../support/version-1-spool-file.ts';

/** A payload and how much of it is its label. */
const labelled = fc
  .uint8Array({ maxLength: 2000 })
  .chain((payload) => fc.record({ payload: fc.constant(payload), label: fc.nat({ max: payload.length }) }));

test('any payload comes back whole, and so does its label from the bytes that hold it', () => {
  fc.assert(
    fc.property(labelled, ({ payload, label }) => {
      const file = Buffer.concat([spoolHeader(payload, label), payload]);
      expect(readSpoolFile(file)).toEqual({ kind: 'whole', payload: Buffer.from(payload) });
      const start = file.subarray(0, labelEndOf(file.subarray(0, SPOOL_HEADER_BYTES)));
      expect(readLabel(start)).toEqual(Buffer.from(payload.subarray(0, label)));
    }),
  );
});

test('any change of any bit is damage, and costs the label only where it stands before its end', () => {
  const payload = Uint8Array.from({ length: 40 }, (_, i) => i);
  const file = Buffer.concat([spoolHeader(payload, 10), payload]);
  const restDigest = [36, SPOOL_HEADER_BYTES] as const;
  for (let bit = 0; bit < file.length * 8; bit++) {
    const at = bit >> 3;
    const spoiled = Uint8Array.from(file);
    spoiled[at]! ^= 1 << (bit & 7);
    expect(readSpoolFile(spoiled).kind).toBe('damaged');
    const isOfRest = (at >= restDigest[0] && at < restDigest[1]) || at >= SPOOL_HEADER_BYTES + 10;
    expect(readLabel(spoiled), `byte ${at}`).toEqual(isOfRest ? payload.subarray(0, 10) : undefined);
  }
});

test('a tail that was cut off is damage, and costs the label only where it is cut itself', () => {
  const payload = Uint8Array.from({ length: 40 }, (_, i) => i);
  const file = Buffer.concat([spoolHeader(payload, 10), payload]);
  for (let length = 0; length < file.length; length++) {
    expect(readSpoolFile(file.subarray(0, length)).kind).toBe('damaged');
    const isLabelThere = length >= SPOOL_HEADER_BYTES + 10;
    expect(readLabel(file.subarray(0, length)) !== undefined).toBe(isLabelThere);
  }
});

test('a file of version 1 comes back whole and is its own label, and any change of any bit is damage', () => {
  const payload = Uint8Array.from({ length: 40 }, (_, i) => i);
  const file = version1SpoolFile(payload);
  expect(readSpoolFile(file)).toEqual({ kind: 'whole', payload: Buffer.from(payload) });
  expect(labelEndOf(file)).toBeGreaterThan(file.length);
  expect(readLabel(file)).toEqual(Buffer.from(payload));
  for (let bit = 0; bit < file.length * 8; bit++) {
    const spoiled = Uint8Array.from(file);
    spoiled[bit >> 3]! ^= 1 << (bit & 7);
    expect([readSpoolFile(spoiled).kind, readLabel(spoiled)]).toEqual(['damaged', undefined]);
  }
});

test('any bytes are an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect([readSpoolFile(bytes).kind, readLabel(bytes)]).toEqual(['damaged', undefined]);
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
