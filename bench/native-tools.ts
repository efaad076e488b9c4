/** The benchmarks' own C programs, compiled when they are missing or older than their source. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, packageRoot } from './places.ts';

const LIBRARIES = { floor: ['-lpcap'], measured: [], collector: [], generator: [] } as const;
export type NativeTool = keyof typeof LIBRARIES;

/** Answers the path of the compiled program. @throws Error when there is no compiler or no libpcap header */
export function nativeTool(name: NativeTool): string {
  const source = join(packageRoot(), 'bench/native', `${name}.c`);
  const folder = join(cacheFolder(), 'bin');
  const program = join(folder, name);
  mkdirSync(folder, { recursive: true });
  const made = statSync(program, { throwIfNoEntry: false });
  if (made === undefined || made.mtimeMs < statSync(source).mtimeMs) {
    execFileSync('cc', ['-O3', '-march=native', '-Wall', '-Wextra', '-o', program, source, ...LIBRARIES[name]], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
  return program;
}
