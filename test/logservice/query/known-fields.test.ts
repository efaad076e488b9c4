import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OTHER_KEYS_MAX } from '../../../logservice/model/fields.ts';
import type { Condition } from '../../../logservice/query/condition.ts';
import { KnownFields } from '../../../logservice/query/known-fields.ts';
import { parseQuery } from '../../../logservice/query/parse.ts';

const known = new KnownFields(['my-own-key']);

function conditionOf(query: string): Condition {
  const parsed = parseQuery(query);
  if (!('condition' in parsed)) throw new Error(parsed.message);
  return parsed.condition;
}

/** Levenshtein's distance as it is defined, by recursion. */
function distance(left: string, right: string): number {
  if (left === '' || right === '') return left.length + right.length;
  const [front, otherFront] = [left.slice(0, -1), right.slice(0, -1)];
  if (left.at(-1) === right.at(-1)) return distance(front, otherFront);
  return 1 + Math.min(distance(front, right), distance(left, otherFront), distance(front, otherFront));
}

describe('a field is known', () => {
  test.each([
    ...['srcaddr', 'tcp-flags', 'tcp_flags', 'time', 'other', '__TAGS__', '__SOURCE__', '__TAG__.anything'],
    ...['ledger-status', 'ledger-metered-bytes', 'ledger-folded-packets', 'ledger-x-packets', 'ledger-gap-seconds'],
    ...['excluded-missed-bytes-max', 'my-own-key'],
  ])('%s', (name) => expect(known.has(name)).toBe(true));

  test.each(['', 'SRCADDR', 'my-own-kee', 'x__TAG__.', '__TAGS', 'ledger-packet', 'excluded-name'])(
    'but not %j',
    (name) => expect(known.has(name)).toBe(false),
  );
});

describe('a key that no log has', () => {
  test.each([
    ['*', []],
    ['443', []],
    ['dstport:443', []],
    ['a:1 OR (b:* AND NOT c:"" AND bytes>5) OR d=1', ['a', 'b', 'c', 'd']],
    ['a:(1 OR 2)', ['a', 'a']],
  ])('is found in %s', (query, unknown) => expect(known.unknownIn(conditionOf(query))).toEqual(unknown));

  test('is not one where the topic has had more keys than are remembered', () => {
    const keys = Array.from({ length: OTHER_KEYS_MAX }, (_, index) => `key-${index}`);
    expect(new KnownFields(keys.slice(1)).unknownIn(conditionOf('a:1'))).toEqual(['a']);
    expect(new KnownFields(keys).unknownIn(conditionOf('a:1'))).toEqual([]);
  });
});

describe('the nearest field', () => {
  test.each([
    ['srcadr', 'srcaddr'],
    ['SrcAddr', 'srcaddr'],
    ['dstprot', 'dstport'],
    ['log_status', 'log-status'],
    ['ab', undefined],
    ['bytes-of-what', undefined],
    ['x'.repeat(200), undefined],
  ])('of %s is %s', (name, nearest) => expect(known.nearest(name)).toBe(nearest));

  test('differs in a third of its letters at most, in three at most, and no other differs in fewer', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-', 'c'), minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(letters, letters, (asked, key) => {
        const most = Math.min(3, Math.floor(asked.length / 3));
        const nearest = new KnownFields([key]).nearest(asked);
        if (distance(asked, key) <= most) {
          expect(nearest).toBeDefined();
          expect(distance(asked, nearest!)).toBeLessThanOrEqual(distance(asked, key));
        } else if (nearest !== undefined) expect(distance(asked, nearest)).toBeLessThanOrEqual(most);
      }),
    );
  });

  test('is looked for in names of a length that a field may have, so that a long one costs nothing', () => {
    const long = 'k'.repeat(101);
    const topic = new KnownFields([long, long.slice(1)]);
    expect(topic.nearest(`${long.slice(2)}x`)).toBe(long.slice(1));
    expect(topic.nearest(`${long.slice(1)}x`)).toBeUndefined();
  });
});
