/** Protobuf's primitives as the hot path writes and reads them, held against the library that the schema is for. */
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { ProtobufReader } from '../../../agent/wire/protobuf-reader.ts';
import {
  writeAddress,
  writeCounter,
  writeSmall,
  writeVarint14,
  writeVarint31,
} from '../../../agent/wire/protobuf-writer.ts';

const AT = 3;
const UNTOUCHED = 0x7e;
const TAG = 0x28;

/** What was written from a place on, which nothing around it may show. */
function written(write: (buffer: Uint8Array, at: number) => number): Uint8Array {
  const buffer = new Uint8Array(40).fill(UNTOUCHED);
  const end = write(buffer, AT);
  expect([...buffer.subarray(0, AT), ...buffer.subarray(end)].every((byte) => byte === UNTOUCHED)).toBe(true);
  return buffer.subarray(AT, end);
}

const readerOf = (bytes: ArrayLike<number>) => new ProtobufReader(Uint8Array.from(bytes), 0, bytes.length);

/** Both sides of each number of bits at which a further byte begins. */
const edges = (bitsMax: number) =>
  Array.from({ length: bitsMax }, (_, bits) => [2 ** bits - 1, 2 ** bits])
    .flat()
    .concat(2 ** bitsMax - 1);
const counter = fc.oneof(fc.constantFrom(...edges(53)), fc.maxSafeNat());
const small = fc.oneof(fc.constantFrom(...edges(31)), fc.integer({ min: 0, max: 2 ** 31 - 1 }));

describe('a number that is written', () => {
  test('is what the library writes, and comes back from both readers', () => {
    fc.assert(
      fc.property(counter, (value) => {
        const bytes = written((buffer, at) => writeCounter(TAG, value, buffer, at));
        const library = value === 0 ? [] : protobuf.Writer.create().uint32(TAG).uint64(value).finish();
        expect([...bytes]).toEqual([...library]);
        if (value === 0) return;
        const reader = readerOf(bytes);
        expect([reader.tag(), reader.varint(), reader.at]).toEqual([TAG, value, bytes.length]);
      }),
      { numRuns: 500 },
    );
  });

  test.each(edges(53).map((value) => [value]))('is right at each edge: %i', (value) => {
    const bytes = written((buffer, at) => writeCounter(TAG, value, buffer, at));
    if (value === 0) expect(bytes).toHaveLength(0);
    else expect(readerOf(bytes.subarray(1)).varint()).toBe(value);
  });

  test('below 2^31 is the same by the short way', () => {
    fc.assert(
      fc.property(small, (value) => {
        const bytes = written((buffer, at) => writeSmall(TAG, value, buffer, at));
        expect(bytes).toEqual(written((buffer, at) => writeCounter(TAG, value, buffer, at)));
        expect(written((buffer, at) => writeVarint31(value, buffer, at))).toEqual(
          value === 0 ? Uint8Array.of(0) : bytes.subarray(1),
        );
      }),
    );
  });

  test('of a length that comes later has two bytes, whatever it is', () => {
    for (const value of [0, 1, 127, 128, 300, 2 ** 14 - 1]) {
      const bytes = written((buffer, at) => {
        writeVarint14(value, buffer, at);
        return at + 2;
      });
      expect(protobuf.Reader.create(bytes).uint32()).toBe(value);
      expect(readerOf(bytes).varint()).toBe(value);
    }
  });

  test('as an address has its family’s length, in network order', () => {
    const words = [0x0102_0304, 0xfffe_fdfc, 0, 0x8000_0001] as const;
    const [of4, of6] = ([4, 6] as const).map((family) =>
      written((buffer, at) => writeAddress(0x0a, family, ...words, buffer, at)),
    );
    expect([...of4!]).toEqual([0x0a, 4, 1, 2, 3, 4]);
    expect([...of6!]).toEqual([0x0a, 16, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 0, 0, 0, 0, 0x80, 0, 0, 1]);
    const reader = readerOf(of6!);
    expect([reader.tag(), reader.addressLength(), ...words.map(() => reader.word())]).toEqual([0x0a, 16, ...words]);
  });
});

describe('a number that is read', () => {
  test('is any signed one that the library writes, as long as a double holds it', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const reader = readerOf(protobuf.Writer.create().int64(value).finish());
        expect(reader.signed()).toBe(value);
      }),
    );
  });

  test('may be written longer than it needs to be, up to ten bytes', () => {
    const padded = (value: number, bytes: number) => [value | 0x80, ...Array<number>(bytes - 2).fill(0x80), 0x00];
    for (let bytes = 2; bytes <= 10; bytes++) {
      const reader = readerOf(padded(5, bytes));
      expect([reader.varint(), reader.at]).toEqual([5, bytes]);
      expect(readerOf(padded(5, bytes)).signed()).toBe(5);
    }
    for (const read of ['varint', 'signed'] as const)
      expect(() => readerOf(padded(5, 11))[read]()).toThrow(OperationalError);
  });

  test('ends where its message ends, though bytes follow', () => {
    const bytes = Uint8Array.of(0x80, 0x80, 0x01);
    for (const end of [1, 2]) {
      const cut = () => new ProtobufReader(bytes, 0, end);
      expect(() => cut().varint()).toThrow('cut off');
      expect(() => cut().signed()).toThrow('cut off');
      expect(() => cut().skip(0x28)).toThrow('cut off');
    }
    expect(new ProtobufReader(bytes, 0, 3).varint()).toBe(2 ** 14);
  });

  test('is bounded where its field is', () => {
    expect(readerOf([0xff, 0x01]).bounded(255)).toBe(255);
    expect(() => readerOf([0x80, 0x02]).bounded(255)).toThrow('a number is larger than 255');
  });
});

describe('a message within a message', () => {
  test('has an end of its own, and hands back the outer one', () => {
    const inner = protobuf.Writer.create().uint32(0x08).uint32(7).finish();
    const outer = protobuf.Writer.create().bytes(inner).uint32(0x10).uint32(9).finish();
    const reader = readerOf(outer);
    const outerEnd = reader.enter();
    expect([outerEnd, reader.end]).toEqual([outer.length, 1 + inner.length]);
    expect([reader.tag(), reader.varint(), reader.at]).toEqual([0x08, 7, reader.end]);
    reader.leave(outerEnd);
    expect([reader.tag(), reader.varint(), reader.at]).toEqual([0x10, 9, outer.length]);
  });

  test('that leads past the one it is in is damage, also by one byte', () => {
    expect(readerOf([2, 0x08, 0x01]).enter()).toBe(3);
    expect(() => readerOf([3, 0x08, 0x01]).enter()).toThrow('a length leads past the end');
  });
});

describe('a field that is stepped over', () => {
  const anything = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => {
      const bytes: number[] = [];
      for (let rest = value; ; rest >>= 7n) {
        bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
        if (rest <= 0x7fn) return { type: 0, bytes };
      }
    }),
    fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => ({ type: 1, bytes: [...bytes] })),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ type: 2, bytes: [bytes.length, ...bytes] })),
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ({ type: 5, bytes: [...bytes] })),
  );

  test('leads to the next one, whatever it holds, and to damage where it is cut', () => {
    fc.assert(
      fc.property(anything, ({ type, bytes }) => {
        const reader = readerOf([...bytes, 0x2a]);
        reader.skip((20 << 3) | type);
        expect(reader.at).toBe(bytes.length);
        expect(() => readerOf(bytes.slice(0, -1)).skip((20 << 3) | type)).toThrow(OperationalError);
      }),
    );
  });

  test.each([3, 4, 6, 7])('is damage with type %i, which proto3 does not have', (type) => {
    expect(() => readerOf([1, 2, 3, 4, 5, 6, 7, 8]).skip((20 << 3) | type)).toThrow('a type that proto3 does not know');
  });

  test('and that nobody here knows is of a newer flowlogd, unless it is damaged', () => {
    const newer = (bytes: readonly number[]) => {
      try {
        return readerOf(bytes).refuseUnknown(999 << 3);
      } catch (error) {
        return error instanceof OperationalError ? [error.code, /field 999/.test(error.message)] : [error];
      }
    };
    expect(newer([7])).toEqual(['spool.newer', true]);
    expect(newer([0x87])).toEqual(['spool.damaged', false]);
  });
});
