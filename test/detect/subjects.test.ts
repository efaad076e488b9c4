import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Doorkeeper } from '../../detect/doorkeeper.ts';
import { type Known, Subjects } from '../../detect/subjects.ts';

interface Counted extends Known {
  readonly key: string;
  seen: number;
}
const LIMITS = { subjectsMax: 100, valuesMax: 1000 };

function newSubjects(limits = LIMITS): Subjects<Counted> {
  return new Subjects<Counted>(limits, ({ seen }) => seen);
}

function see(subjects: Subjects<Counted>, key: string, values = 0): void {
  const create = () => ({ key, seen: 0, isCoarse: false, values: 0 });
  const entry = subjects.get(key) ?? subjects.admit(key, create);
  if (entry === undefined) return;
  entry.seen++;
  subjects.grow(entry, values);
}
const keys = (count: number, prefix = 'k') => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('subjects', () => {
  test('are all known, and exact, while there is room', () => {
    const subjects = newSubjects();
    for (const key of [...keys(100), ...keys(100)]) see(subjects, key);
    expect([...subjects.entries()].map(([, { seen, isCoarse }]) => [seen, isCoarse])).toEqual(
      keys(100).map(() => [2, false]),
    );
    expect(subjects.evicted).toBe(0);
  });

  test('beyond the limit the weakest quarter goes, and is counted; what is strong stays exact', () => {
    const subjects = newSubjects();
    for (const key of keys(75)) for (const _ of [1, 2, 3]) see(subjects, key);
    for (const key of keys(26, 'once')) see(subjects, key);
    expect([subjects.size, subjects.evicted]).toEqual([76, 25]);
    const strong = [...subjects.entries()].filter(([, { seen }]) => seen === 3);
    expect(strong.map(([, { isCoarse }]) => isCoarse)).toEqual(Array.from({ length: 75 }, () => false));
  });

  test('then a new one comes in when it is seen again, marked as coarse', () => {
    const subjects = newSubjects();
    for (const key of keys(101)) see(subjects, key);
    see(subjects, 'late');
    expect(subjects.get('late')).toBeUndefined();
    see(subjects, 'late');
    see(subjects, 'late');
    expect(subjects.get('late')).toMatchObject({ seen: 2, isCoarse: true });
  });

  test('what comes once does not drive out what comes again, however much of it comes', () => {
    const subjects = newSubjects();
    for (let index = 0; index < 100_000; index++) {
      see(subjects, `noise ${index}`);
      if (index % 100 === 0) see(subjects, 'attack');
    }
    expect(subjects.get('attack')!.seen).toBeGreaterThan(990);
    expect(subjects.size).toBeLessThanOrEqual(LIMITS.subjectsMax);
    expect(subjects.evicted).toBeGreaterThan(99_000);
  });

  test('their values have a limit, too', () => {
    const subjects = newSubjects();
    see(subjects, 'strong', 400);
    see(subjects, 'strong', 0);
    see(subjects, 'weak', 500);
    expect(subjects.values).toBe(900);
    see(subjects, 'strong', 101);
    expect([subjects.values, subjects.size, subjects.evicted]).toEqual([501, 1, 1]);
    expect(subjects.get('weak')).toBeUndefined();
  });

  test('of those with too many values the lightest go, in whatever order they came', () => {
    const subjects = newSubjects();
    for (const _ of [1, 2, 3]) see(subjects, 'heavy', 10);
    for (const key of keys(9)) see(subjects, key, 100);
    for (const key of keys(2)) see(subjects, key, 40);
    expect(subjects.values).toBe(710);
    expect([...subjects.entries()].map(([key]) => key)).toEqual(['heavy', 'k0', 'k1', 'k5', 'k6', 'k7', 'k8']);
  });

  test('one that outgrows the limit by itself is forgotten, and counts no more', () => {
    const subjects = newSubjects();
    see(subjects, 'huge', 1001);
    expect([subjects.values, subjects.size, subjects.evicted]).toEqual([0, 0, 1]);
  });

  test('forgotten with their span, all is exact again', () => {
    const subjects = newSubjects();
    for (const key of keys(101)) see(subjects, key, 1);
    subjects.clear();
    expect([subjects.size, subjects.values]).toEqual([0, 0]);
    for (const key of keys(101).slice(0, 100)) see(subjects, key);
    expect(subjects.size).toBe(100);
    expect([...subjects.entries()].some(([, { isCoarse }]) => isCoarse)).toBe(false);
  });

  test('expire one by one, with their values', () => {
    const subjects = newSubjects();
    for (const key of keys(10)) see(subjects, key, 2);
    subjects.expire(({ key }) => key !== 'k3');
    expect([subjects.size, subjects.values, subjects.evicted]).toEqual([1, 2, 0]);
  });

  test('hold both limits, and the sum of the values, whatever comes', () => {
    const record = fc.tuple(fc.nat(400), fc.nat(30));
    fc.assert(
      fc.property(fc.array(record, { minLength: 50, maxLength: 1500 }), (records) => {
        const subjects = newSubjects();
        for (const [key, values] of records) {
          see(subjects, String(key), values);
          expect(subjects.size).toBeLessThanOrEqual(LIMITS.subjectsMax);
          expect(subjects.values).toBeLessThanOrEqual(LIMITS.valuesMax);
        }
        const sum = [...subjects.entries()].reduce((all, [, { values }]) => all + values, 0);
        expect(subjects.values).toBe(sum);
      }),
      { numRuns: 50 },
    );
  });
});

test('subjects that have room again are exact again', () => {
  const subjects = newSubjects();
  for (const key of keys(150)) see(subjects, key);
  subjects.settle();
  see(subjects, 'new');
  expect(subjects.get('new')).toBeUndefined();
  let left = 50;
  subjects.expire(() => --left < 0);
  subjects.settle();
  see(subjects, 'other');
  expect(subjects.get('other')).toMatchObject({ seen: 1, isCoarse: false });
});

describe('the doorkeeper', () => {
  test('knows what was there, and hardly anything else', () => {
    const door = new Doorkeeper();
    const first = keys(100_000).filter((key) => door.knows(key)).length;
    expect(first).toBeLessThan(1000);
    expect(keys(100_000).every((key) => door.knows(key))).toBe(true);
    door.clear();
    expect(door.knows('k1')).toBe(false);
  });

  test('starts anew before it knows everything', () => {
    const door = new Doorkeeper();
    let known = 0;
    for (let index = 0; index < 1_500_000; index++) if (door.knows(`source ${index}`)) known++;
    expect(known / 1_500_000).toBeLessThan(0.15);
  });
});
