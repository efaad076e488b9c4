/** Open windows in memory of which more than half is taken. */
import type * as fs from 'node:fs';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, packetsIn } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

// Files of a worker share their modules, and those that are there have the real file system.
vi.hoisted(() => vi.resetModules());
afterAll(() => {
  vi.doUnmock('node:fs');
  vi.resetModules();
});
const memory = vi.hoisted(() => ({ isFull: false }));
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  const statfsSync = () => ({ bsize: 4096, blocks: 1000, bavail: memory.isFull ? 499 : 1000 });
  return { ...original, statfsSync };
});

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;

let folder: string;
let copyFolder: string;
beforeEach(() => {
  memory.isFull = false;
  folder = mkdtempSync('/dev/shm/flowlogd-test-');
  copyFolder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const datagram = (flow: number) =>
  ethernet(
    {},
    ipv4(
      { source: `10.0.${flow >> 8}.${flow & 255}`, destination: '10.1.0.1', protocol: 17 },
      udp({ sourcePort: 4000, destinationPort: 53 }),
    ),
  );

async function count(tap: TappedInterface, flows: number): Promise<void> {
  tap.engine.newest.waiting = Array.from({ length: flows }, (_, flow) => ({ seconds: 605, bytes: datagram(flow) }));
  await tap.round(605);
}

/** A window that began in memory and whose tables grew on when that was half full. */
async function grown(): Promise<TappedInterface> {
  const journal = journalIn({ folder, copyFolder, ruleNames });
  const tap = new TappedInterface({ journal, clock: { seconds: 600 } });
  tap.tap.attach();
  await count(tap, 20);
  memory.isFull = true;
  await count(tap, 400);
  return tap;
}

const windowsIn = (path: string) =>
  readdirSync(path)
    .filter((name) => !name.endsWith('.seen'))
    .map((name) => name.replace(/^.*\./, ''));

test('tables of a window in memory that is half full grow on in a file on disk, and a kill loses none', async () => {
  await grown();
  expect([windowsIn(folder), windowsIn(copyFolder)]).toEqual([['window'], ['window-1']]);
  const { windows, quarantined } = findLeftWindows([folder, copyFolder]);
  expect(quarantined).toEqual([]);
  expect(windows.map(({ ledger }) => [ledger.metered.packets, ledger.overflowed.packets])).toEqual([[420, 0]]);
  expect(packetsIn(windows)).toBe(420);
  windows[0]!.forget();
  expect([windowsIn(folder), windowsIn(copyFolder)]).toEqual([[], []]);
});

test('both files are the receiver’s to remove, the one with the ledger first: what a kill leaves then is no window', async () => {
  const tap = await grown();
  tap.tap.end();
  const [copy, own, further] = tap.files[0]!;
  expect([copy, own, further].map((path) => basename(path!).replace(/^.*\./, ''))).toEqual([
    'window',
    'window',
    'window-1',
  ]);
  expect([copy!.startsWith(copyFolder), own!.startsWith(folder), further!.startsWith(copyFolder)]).toEqual([
    true,
    true,
    true,
  ]);
  rmSync(own!);
  expect(findLeftWindows([folder, copyFolder]).windows).toEqual([]);
  expect(windowsIn(copyFolder)).toEqual([]);
});

test('a window that opens then is on disk at once, and stays there', async () => {
  memory.isFull = true;
  const tap = new TappedInterface({ journal: journalIn({ folder, copyFolder, ruleNames }), clock: { seconds: 600 } });
  tap.tap.attach();
  await count(tap, 20);
  memory.isFull = false;
  await count(tap, 100);
  expect([windowsIn(folder), windowsIn(copyFolder)]).toEqual([[], ['window']]);
  tap.tap.end();
  expect(tap.files[0]!.length).toBe(1);
});
