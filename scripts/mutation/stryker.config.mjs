/** Configures Stryker for one room, which MUTATION_ROOM names; scripts/mutation.sh runs it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const rooms = JSON.parse(readFileSync(new URL('rooms.json', import.meta.url), 'utf8'));
const room = process.env.MUTATION_ROOM;
const files = process.env.MUTATION_FILES?.split(/\s+/).filter((file) => file !== '') ?? [];
const folder = `${process.cwd()}/dist/mutation`;

export default {
  plugins: [createRequire(`${folder}/package.json`).resolve('@stryker-mutator/vitest-runner')],
  testRunner: 'vitest',
  vitest: { configFile: 'scripts/mutation/vitest.config.mjs', related: false },
  mutate: files.length > 0 ? files : rooms[room].mutate,
  // Each mutant is met by the tests that reach it, and by no other.
  coverageAnalysis: 'perTest',
  // Compiled code, and what no test of these rooms reads.
  ignorePatterns: ['dist', 'build', 'bench', 'docs', 'test/golden', 'test/system'],
  tempDirName: `${folder}/sandbox-${room}`,
  // Stryker rewrites tsconfig.json by an interface that TypeScript 7 has no more; the tests need no such file.
  tsconfigFile: 'none',
  reporters: ['json', 'clear-text', 'progress-append-only'],
  jsonReporter: { fileName: `dist/mutation/${room}.json` },
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
  allowConsoleColors: false,
  concurrency: Number(process.env.MUTATION_WORKERS ?? 1),
  timeoutMS: 1000 * Number(process.env.MUTATION_SECONDS ?? 15),
  checkers: [],
};
