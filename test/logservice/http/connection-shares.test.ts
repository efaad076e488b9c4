import { describe, expect, test } from 'vitest';
import { ConnectionShares } from '../../../logservice/http/connection-shares.ts';

const LIMITS = { connectionsMax: 6, perPeerMax: 3 };

/** Enters all, each named by its peer and a number; answers who is in. */
function entering(...names: readonly string[]) {
  const shares = new ConnectionShares<string>(LIMITS);
  const inside: string[] = [];
  const enter = (name: string): string | undefined => {
    inside.push(name);
    return left(shares.enter(name, name.startsWith('?') ? undefined : name.replace(/\d+$/, '')));
  };
  const left = (name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    inside.splice(inside.indexOf(name), 1);
    return name;
  };
  for (const name of names) enter(name);
  return { shares, inside, enter, left };
}

describe('the connections of a listener', () => {
  test('of one peer are no more than its share: its oldest one makes room', () => {
    const { inside } = entering('a1', 'b1', 'a2', 'a3', 'a4', 'a5');
    expect(inside).toEqual(['b1', 'a3', 'a4', 'a5']);
  });

  test('are taken from the peer that has most of them when there is no place left', () => {
    const { inside, enter } = entering('a1', 'b1', 'b2', 'b3', 'c1', 'c2');
    expect(enter('d1')).toBe('b1');
    expect(inside).toEqual(['a1', 'b2', 'b3', 'c1', 'c2', 'd1']);
  });

  test('that have the key stay, and the newcomer goes when all have it', () => {
    const { shares, inside, enter } = entering('a1', 'a2', 'a3');
    shares.keep('a1');
    expect(enter('a4')).toBe('a2');
    for (const name of inside) shares.keep(name);
    expect(enter('a5')).toBe('a5');
    for (const name of ['b1', 'b2', 'b3']) {
      enter(name);
      shares.keep(name);
    }
    expect(enter('c1')).toBe('c1');
    expect(inside).toEqual(['a1', 'a3', 'a4', 'b1', 'b2', 'b3']);
  });

  test('whose peer is not known yet are as of one peer without a share', () => {
    const { shares, inside, enter, left } = entering();
    for (let index = 0; index < 6; index++) expect(enter(`?${index}`)).toBeUndefined();
    expect(enter('y1')).toBe('?0');
    for (const name of ['?1', '?2', '?3', '?4', '?5']) left(shares.identify(name, 'user 7'));
    expect(inside).toEqual(['?3', '?4', '?5', 'y1']);
    expect(shares.identify('?1', 'user 8')).toBeUndefined();
    expect(shares.size).toBe(inside.length);
    shares.leave('?3');
    expect(shares.size).toBe(3);
  });
});
