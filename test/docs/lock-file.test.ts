import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
}

function packages(path: string): readonly (readonly [string, Locked])[] {
  const { packages } = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Locked> };
  return Object.entries(packages).filter(([name]) => name !== '');
}

/** Of a SHA-512: 64 bytes. */
const SHA512 = /^sha512-[A-Za-z\d+/]{86}==$/;

describe('the lock file', () => {
  const locked = packages('package-lock.json');

  test('says of every package, for whatever platform, what it must be', () => {
    expect(locked.length).toBeGreaterThan(100);
    const without = locked.filter(([, { integrity = '' }]) => !SHA512.test(integrity));
    expect(without.map(([name]) => name)).toEqual([]);
  });

  test('names no registry', () => {
    expect(locked.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  test('is what is installed', () => {
    const byName = new Map(locked);
    const installed = packages('node_modules/.package-lock.json');
    expect(installed.length).toBeGreaterThan(50);
    for (const [name, { version, integrity }] of installed) {
      expect([name, byName.get(name)?.version, byName.get(name)?.integrity]).toEqual([name, version, integrity]);
    }
  });
});
