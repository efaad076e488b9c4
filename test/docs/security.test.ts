import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { schemaFor } from '../../agent/config/schema.ts';
import { SINKS } from '../../agent/export/sinks.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const PAGE = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');

describe('SECURITY.md', () => {
  const rows = PAGE.split('\n').filter(
    (line) => line.startsWith('| ') && !/^\| (?:---|measure|what they may try)/.test(line),
  );

  test('proves every claim with a test or script that exists', () => {
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) {
      const proofs = [...(row.split(' | ')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, path]) => path!);
      expect(proofs.length, row).toBeGreaterThan(0);
      for (const path of proofs) {
        expect(path).toMatch(/^(?:test\/.*\.test\.ts|scripts\/.*\.sh)$/);
        expect(existsSync(join(ROOT, path)), path).toBe(true);
      }
    }
  });

  test('says how to report without naming a person', () => {
    expect(PAGE).toContain('open a private security advisory');
    expect(PAGE).not.toMatch(/@|mailto:/);
  });

  test('is right that no option skips the check of certificates', () => {
    expect(JSON.stringify(schemaFor(SINKS))).not.toMatch(/insecure|verify|rejectUnauthorized/i);
  });
});
