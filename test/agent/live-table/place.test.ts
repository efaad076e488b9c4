import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Move, moved, type Place, placed, scrolled, TOP } from '../../../agent/live-table/place.ts';
import { listOf } from '../../support/live-table.ts';

const MOVES = ['up', 'down', 'home', 'end', 'page up', 'page down'] as const;
const LETTERS = [...'abcdefghij'];
const placeAfter = (moves: readonly Move[], keys: readonly string[], rows: number, from: Place = TOP) =>
  moves.reduce((place, move) => moved(place, move, listOf(keys), rows), from);

describe('the place in a list', () => {
  test('is its top until a row is selected', () => {
    expect(placed(TOP, listOf(LETTERS), 3)).toEqual(TOP);
    expect(placeAfter(['down'], LETTERS, 3)).toEqual({ selected: 'a', index: 0, offset: 0 });
    expect(placeAfter(['up'], LETTERS, 3).selected).toBe('a');
  });

  test('moves by rows and by screens, and the list with it only as far as it must', () => {
    expect(placeAfter(['down', 'down', 'down'], LETTERS, 3)).toEqual({ selected: 'c', index: 2, offset: 0 });
    expect(placeAfter(['down', 'down', 'down', 'down'], LETTERS, 3)).toEqual({ selected: 'd', index: 3, offset: 1 });
    expect(placeAfter(['down', 'page down'], LETTERS, 3)).toEqual({ selected: 'd', index: 3, offset: 1 });
    expect(placeAfter(['end'], LETTERS, 3)).toEqual({ selected: 'j', index: 9, offset: 7 });
    expect(placeAfter(['end', 'page up', 'up'], LETTERS, 3)).toEqual({ selected: 'f', index: 5, offset: 5 });
    expect(placeAfter(['end', 'home'], LETTERS, 3)).toEqual({ selected: 'a', index: 0, offset: 0 });
  });

  test('stays on what is selected when the order changes, and passes to what is there when that goes', () => {
    const place = placeAfter(['down', 'down'], LETTERS, 3);
    expect(placed(place, listOf([...'jihgfedcba']), 3)).toEqual({ selected: 'b', index: 8, offset: 6 });
    expect(placed(place, listOf([...'acd']), 3)).toEqual({ selected: 'c', index: 1, offset: 0 });
    expect(placed(place, listOf([]), 3)).toEqual(TOP);
  });

  const keys = fc.uniqueArray(fc.integer({ min: 0, max: 60 }).map(String), { maxLength: 40 });
  const rows = fc.integer({ min: 1, max: 50 });
  const moves = fc.array(fc.constantFrom(...MOVES), { maxLength: 20 });

  test('is in sight and in range for any list, any height and any moves', () => {
    fc.assert(
      fc.property(keys, keys, rows, rows, moves, (before, now, height, resized, all) => {
        const place = placed(placeAfter(all, before, height), listOf(now), resized);
        if (place.selected === undefined) {
          expect(place).toEqual(TOP);
          return;
        }
        expect(now[place.index]).toBe(place.selected);
        expect(place.offset).toBeGreaterThanOrEqual(0);
        expect(place.offset).toBeLessThanOrEqual(Math.max(0, now.length - resized));
        expect(place.index - place.offset).toBeGreaterThanOrEqual(0);
        expect(place.index - place.offset).toBeLessThan(resized);
      }),
    );
  });

  test('is on the same row after any re-sorting', () => {
    const shuffled = keys.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, rows, moves, ([before, now], height, all) => {
        const place = placeAfter(all, before, height);
        expect(placed(place, listOf(now), height).selected).toBe(place.selected);
      }),
    );
  });

  test('of a page is a line of it, and never beyond its end', () => {
    expect(scrolled(0, 'down', 10, 4)).toBe(1);
    expect(scrolled(0, 'end', 10, 4)).toBe(6);
    expect(scrolled(99, 'up', 10, 4)).toBe(5);
    expect(scrolled(99, undefined, 10, 4)).toBe(6);
    expect(scrolled(2, 'page down', 3, 4)).toBe(0);
  });
});
