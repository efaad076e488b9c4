import { defineConfig } from 'vitest/config';

const SYSTEM_TESTS = 'test/system/**/*.test.ts';

/**
 * System tests that want the machine to themselves: they offer as much as it takes, make interfaces by the hundred, count what a
 * packet ring loses, or hold times of the kernel's against a sender's. A new system test belongs here only if it does that too.
 */
export const ALONE = [
  'backlog',
  'chaos',
  'clock',
  'clock-step',
  'durability',
  'flood',
  'given-up',
  'interface-storm',
  'losses',
  'many-interfaces',
  'outages',
  'stopping',
  'tables-in-memory',
].map((name) => `test/system/${name}.test.ts`);

/** Of `expect.poll`, whose second is over where a machine is busy; the test's own timeout bounds it. */
const PATIENT = { poll: { timeout: 60_000 } } as const;

/** Ends what hangs. Real interfaces and processes on a machine that others use: a second try tells a fluke, which is reported, from a failure. */
const SYSTEM = { testTimeout: 180_000, hookTimeout: 180_000, expect: PATIENT, retry: 1 } as const;

/**
 * Three projects, one after the other. `unit` runs from the TypeScript sources, a file on each processor. `system` and `alone` run
 * the built command on real interfaces, each test in network namespaces of its own: those of `system` wait most of their time (a
 * file keeps a third of a processor busy), so four files run at once; those of `alone` one by one.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{agent,analyses,container,detect,docs,fuzz,logservice,monitoring,schema,scripts,systemd}/**/*.test.ts',
          ],
          // Ends what hangs: the slowest take 4 s, but properties have been seen to take fifteen times their time on a busy machine.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: PATIENT,
          // One worker for each processor: by default one of them is left free, of two the half.
          maxWorkers: '100%',
          // The files of a worker share the modules that they import: half of the processor time went into loading them anew.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'system',
          include: [SYSTEM_TESTS],
          exclude: ALONE,
          ...SYSTEM,
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          ...SYSTEM,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
