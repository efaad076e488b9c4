import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HASH_SEED_WORDS, hashIpv4 } from '../../../agent/flow/hash.ts';
import { estimateKeys, KeySketch, SKETCH_BYTES, SKETCH_STANDARD_ERROR } from '../../../agent/flow/key-sketch.ts';

/** Beyond six standard errors no honest sketch is once in a hundred million estimates. */
const ERROR_MAX = 6 * SKETCH_STANDARD_ERROR;

/** Keys as floods make them: addresses and ports that count up, from anywhere, in any stride. */
const flood = fc.record({
  keys: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 3000, max: 150_000 })),
  source: fc.integer(),
  stride: fc.constantFrom(1, 2, 256, 65_536, 0x0101_0101),
  portStride: fc.constantFrom(0, 1, 65_536, 65_537),
  repeats: fc.integer({ min: 1, max: 2 }),
});

/**
 * Registers as `keys` keys leave them, each at the quantile of its place: of the hashes that fall on a register, a share of 2^-k
 * has a run longer than k. Of so many keys in 32 bits some share a hash, which counts once.
 */
function likelyRegisters(keys: number): Uint8Array {
  const hashes = 2 ** 32 * -Math.expm1(-keys / 2 ** 32);
  const each = hashes / SKETCH_BYTES;
  return Uint8Array.from({ length: SKETCH_BYTES }, (_, place) => {
    const quantile = (place + 0.5) / SKETCH_BYTES;
    let rank = 0;
    while (rank < 21 && Math.exp(-each * 2 ** -rank) < quantile) rank += 1;
    return rank;
  });
}

describe('the sketch of coarsened keys', () => {
  test('estimates what a Set counts', () => {
    fc.assert(
      fc.property(flood, ({ keys, source, stride, portStride, repeats }) => {
        const seed = randomFillSync(new Int32Array(HASH_SEED_WORDS));
        const sketch = new KeySketch();
        const seen = new Set<number>();
        for (let key = 0; key < keys * repeats; key++) {
          const index = key % keys;
          const [from, ports] = [(source + Math.imul(index, stride)) | 0, Math.imul(index, portStride)];
          sketch.add(hashIpv4(seed, from, 0x0a00_0001, ports, 6));
          seen.add((from >>> 0) * 2 ** 21 + (ports % 2 ** 21));
        }
        expect(Math.abs(sketch.keys - seen.size)).toBeLessThanOrEqual(2 + ERROR_MAX * seen.size);
      }),
      { numRuns: 60 },
    );
  });

  test('is within its error for any number of keys, also where most of them share a hash', () => {
    for (const keys of [100, 5_000, 12_000, 100_000, 3_000_000, 100_000_000, 1_000_000_000]) {
      const error = Math.abs(estimateKeys(likelyRegisters(keys)) / keys - 1);
      expect(error, String(keys)).toBeLessThan(SKETCH_STANDARD_ERROR);
    }
  });

  test('takes a register beyond what a hash can have for the most that one can have', () => {
    const registers = new Uint8Array(SKETCH_BYTES).fill(15);
    const most = registers.with(0, 21);
    expect(estimateKeys(registers.with(0, 22))).toBe(estimateKeys(most));
    expect(estimateKeys(registers.with(0, 255))).toBe(estimateKeys(most));
    expect(estimateKeys(most)).toBeGreaterThan(estimateKeys(registers.with(0, 20)));
  });

  test('puts each key into the register of its upper bits, with the length of the run behind them', () => {
    const registers = new Uint8Array(SKETCH_BYTES);
    const sketch = new KeySketch();
    sketch.keepIn(registers);
    for (const hash of [0x0000_0000, 0x0018_0000, 0x0020_0001, 0xffff_ffff, 0x0034_0000, 0x0032_0000]) sketch.add(hash);
    const [first, second, third, fourth] = registers;
    expect([first, second, third, fourth, registers.at(-1)]).toEqual([21, 1, 20, 3, 1]);
    expect(registers.reduce((sum, rank) => sum + rank, 0)).toBe(21 + 1 + 20 + 3 + 1);
  });

  test('is all but exact for few keys', () => {
    const sketch = new KeySketch();
    expect(sketch.keys).toBe(0);
    sketch.add(0);
    expect(sketch.keys).toBe(1);
    for (let again = 0; again < 100; again++) sketch.add(0);
    expect(sketch.keys).toBe(1);
  });

  test('counts on where its registers were kept', () => {
    const registers = new Uint8Array(SKETCH_BYTES);
    const sketch = new KeySketch();
    sketch.keepIn(registers);
    for (let key = 0; key < 500; key++) sketch.add(Math.imul(key, 0x9e37_79b1));
    expect(estimateKeys(registers)).toBe(sketch.keys);
    expect(sketch.keys).toBeGreaterThan(450);
  });

  test('makes a finite number of any registers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: SKETCH_BYTES, maxLength: SKETCH_BYTES }), (registers) => {
        expect(Number.isSafeInteger(estimateKeys(registers))).toBe(true);
      }),
      { numRuns: 20 },
    );
    expect(Number.isSafeInteger(estimateKeys(new Uint8Array(SKETCH_BYTES).fill(255)))).toBe(true);
  });
});
