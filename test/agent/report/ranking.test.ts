import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Ranking } from '../../../agent/report/ranking.ts';

const sums = () => ({ packets: 0, bytes: 0 });

function added(keysMax: number | undefined, additions: readonly (readonly [key: string, bytes: number])[]) {
  const ranking = new Ranking(sums, String, keysMax);
  for (const [key, bytes] of additions) {
    const item = ranking.of(key);
    item.packets += 1;
    item.bytes += bytes;
  }
  return ranking;
}

describe('a ranking', () => {
  test('has most bytes first, then most packets, then the order of the labels', () => {
    const ranking = added(undefined, [
      ['b', 5],
      ['a', 5],
      ['many', 2],
      ['many', 3],
      ['most', 6],
      ['least', 1],
    ]);
    expect(ranking.largest(4).map(({ label }) => label)).toEqual(['most', 'many', 'a', 'b']);
    expect(ranking.largest(0)).toEqual([]);
    expect(ranking.largest(100)).toHaveLength(ranking.size);
  });

  test('asks for a label only in the end', () => {
    let asked = 0;
    const ranking = new Ranking(sums, (key) => {
      asked++;
      return `port ${key}`;
    });
    ranking.of(443).bytes = 1;
    expect(asked).toBe(0);
    expect(ranking.largest(1)).toEqual([{ label: 'port 443', sums: { packets: 0, bytes: 1 } }]);
  });

  test('is a map as long as there is room', () => {
    const addition = fc.tuple(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), fc.nat(100));
    fc.assert(
      fc.property(fc.array(addition), (additions) => {
        const expected = new Map<string, number>();
        for (const [key, bytes] of additions) expected.set(key, (expected.get(key) ?? 0) + bytes);
        const ranking = added(5, additions);
        expect(new Map(ranking.largest(5).map(({ label, sums }) => [label, sums.bytes]))).toEqual(expected);
        expect(ranking.forgotten).toBe(0);
      }),
    );
  });

  test('never has more keys than its limit, nor more of one than there was, and never forgets what is large', () => {
    const addition = fc.tuple(fc.integer({ min: 0, max: 40 }).map(String), fc.integer({ min: 0, max: 100 }));
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.array(addition, { maxLength: 200 }), (keysMax, additions) => {
        const large: [string, number][] = [['large', 1_000_000]];
        const ranking = added(keysMax, [...large, ...additions]);
        expect(ranking.size).toBeLessThanOrEqual(keysMax);
        const [first, ...others] = ranking.largest(keysMax);
        expect(first).toEqual({ label: 'large', sums: { packets: 1, bytes: 1_000_000 } });
        for (const { label, sums } of others) {
          const all = additions.filter(([key]) => key === label);
          expect(sums.packets).toBeLessThanOrEqual(all.length);
          expect(sums.bytes).toBeLessThanOrEqual(all.reduce((sum, [, bytes]) => sum + bytes, 0));
        }
        const distinct = new Set(additions.map(([key]) => key)).size + 1;
        expect(ranking.forgotten).toBeGreaterThanOrEqual(distinct - ranking.size);
      }),
    );
  });

  test('forgets the smaller half at once, not key by key', () => {
    const ranking = added(
      8,
      Array.from({ length: 8 }, (_, index) => [`${index}`, index]),
    );
    expect([ranking.size, ranking.forgotten]).toEqual([8, 0]);
    ranking.of('one more');
    expect([ranking.size, ranking.forgotten]).toEqual([5, 4]);
    expect(ranking.largest(8).map(({ label }) => label)).toEqual(['7', '6', '5', '4', 'one more']);
  });
});
