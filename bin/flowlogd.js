#!/usr/bin/env node
/**
 * The command of a clone and of an npm package: runs what was built, and says how to build it where nothing was. It is no part of the build,
 * so that npm finds the command in a fresh clone, and caches no link to a file that is not there.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const EX_UNAVAILABLE = 69;
const built = new URL('../dist/agent/main.js', import.meta.url);

if (existsSync(built)) {
  await import(built.href);
} else {
  const root = fileURLToPath(new URL('..', import.meta.url));
  process.stderr.write(
    `flowlogd: not built yet. In ${JSON.stringify(root)} run npm run setup, which builds it, or npm start, which also runs it.\n`,
  );
  process.exitCode = EX_UNAVAILABLE;
}
