import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';

const CACHE = resolve('node_modules/.cache/flowlogd-tests');

/** A program of the tests, from its C source beside this file: compiled once for all tests, and anew when the source changes. */
export function compiled(source: string, ...options: readonly string[]): string {
  const path = resolve('test/support', source);
  const digest = createHash('sha256').update(options.join(' ')).update(readFileSync(path)).digest('hex').slice(0, 16);
  const program = join(CACHE, `${source.replace(/\.c$/, '')}-${digest}`);
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  // Under a name of its own first: another test file may want the same program.
  const made = `${program}.${process.pid}`;
  execFileSync('cc', ['-O2', '-o', made, path, ...options]);
  renameSync(made, program);
  return program;
}
