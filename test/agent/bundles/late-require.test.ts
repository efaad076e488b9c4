import { describe, expect, test } from 'vitest';
import { lateRequire } from '../../../agent/bundles/late-require.ts';

/** Requires that write down what was asked for. */
function requiring() {
  const asked: string[] = [];
  const require = lateRequire((name) => {
    asked.push(name);
    return { name, twice: (number: number) => 2 * number };
  });
  return { asked, require: require as (name: string) => { name: string; twice(number: number): number } };
}

describe('a late module', () => {
  test('is loaded with the first question, once', () => {
    const { asked, require } = requiring();
    const zlib = require('node:zlib');
    expect(asked).toEqual([]);
    expect(zlib.twice(2)).toBe(4);
    expect(zlib.name).toBe('node:zlib');
    expect(asked).toEqual(['node:zlib']);
  });

  test('answers undefined for what the module does not have', () => {
    const { require } = requiring();
    expect((require('node:net') as unknown as Record<string, unknown>)['missing']).toBeUndefined();
  });

  test('is late behind an object of its prototype, as the bundler makes one of `import * as`', () => {
    const { asked, require } = requiring();
    const namespace = Object.create(Object.getPrototypeOf(require('node:tls')) as object) as { name: string };
    expect(asked).toEqual([]);
    expect(namespace.name).toBe('node:tls');
  });
});

test('what nearly all commands need, and packages, are loaded at once', () => {
  const { asked, require } = requiring();
  for (const name of ['node:fs', 'node:path', 'yaml']) require(name);
  expect(asked).toEqual(['node:fs', 'node:path', 'yaml']);
});
