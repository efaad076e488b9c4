import { defineConfig } from 'vitest/config';

/** Two projects: `unit` runs from the TypeScript sources; `system` runs the built command on real interfaces, one file at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{agent,container,docs,fuzz,logservice,monitoring,schema,scripts,systemd}/**/*.test.ts'],
          // Ends what hangs: the slowest take 4 s, but properties have been seen to take fifteen times their time on a busy machine.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // One worker for each processor: by default one of them is left free, of two the half.
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          // Real interfaces and processes on a machine that others use: a second try tells a fluke from a failure.
          retry: 1,
        },
      },
    ],
  },
});
