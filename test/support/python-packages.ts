/** Python with packages of PyPI that some tests hold others to: `scripts/test-python.sh` installs them. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const INSTALLED = resolve('dist/.test-python/bin/python3');

/** Whether the package can be imported there; where not, one line says which tests are skipped. */
export function hasPython(what: string, name: string): boolean {
  const has = spawnSync(INSTALLED, ['-c', `import ${name}`]).status === 0;
  if (!has)
    process.stderr.write(`${what} skipped: the Python package ${name} is not installed (sh scripts/test-python.sh)\n`);
  return has;
}

/** What a program prints as JSON that gets `given` as JSON. */
export function askPython<T>(program: string, given: unknown): T {
  const { status, stdout, stderr } = spawnSync(INSTALLED, ['-c', program], {
    input: JSON.stringify(given),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}
