import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const rooms = JSON.parse(readFileSync(new URL('rooms.json', import.meta.url), 'utf8'));

export default defineConfig({
  test: {
    include: rooms[process.env.MUTATION_ROOM].tests,
    setupFiles: ['scripts/mutation/fixed-seed.mjs'],
    testTimeout: 120_000,
  },
});
