import type * as fs from 'node:fs';
import { afterAll, expect, test, vi } from 'vitest';
import { journalIn } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

// Files of a worker share their modules, and those that are there have the real file system.
vi.hoisted(() => vi.resetModules());
afterAll(() => {
  vi.doUnmock('node:fs');
  vi.resetModules();
});
const disk = vi.hoisted(() => ({ refuses: false }));
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  const readFileSync = (path: string, ...rest: never[]) => {
    if (disk.refuses) throw Object.assign(new Error('permission denied'), { code: 'EACCES' });
    return original.readFileSync(path, ...rest);
  };
  return { ...original, readFileSync };
});

test('since when nobody captured is read once it can be, and not replaced before', async () => {
  const folder = temporaryFolder();
  const tapped = (seconds: number, runId: string) => {
    const tap = new TappedInterface({ journal: journalIn({ folder, runId }), clock: { seconds } });
    tap.tap.attach();
    return tap;
  };
  await tapped(605, 'run1').round(615);
  disk.refuses = true;
  const tap = tapped(630, 'run2');
  await tap.round(662);
  expect(tap.events.map(({ kind }) => kind)).toEqual(['attached']);
  disk.refuses = false;
  await tap.round(722);
  expect(tap.events.at(-1)).toEqual({ kind: 'resumed', gapSeconds: 15 });
  tap.tap.end();
  const gaps = tap.closed.flatMap(({ start, ledger }) => ledger.gaps.map((gap) => ({ start, ...gap })));
  expect(gaps).toEqual([{ start: 600, fromSeconds: 615, toSeconds: 630, reason: 'agent-not-running' }]);
});
