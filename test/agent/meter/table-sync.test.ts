import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { restoreCopies, syncTables } from '../../../agent/meter/table-sync.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, packetsIn } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;

/** Windows stay in it only as long as half of it is free, as of a memory. */
let folder: string;
let copyFolder: string;
beforeEach(() => {
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

/** A run with its windows in `folder`, which has counted so many flows in the window of second 600. */
async function counted(flows: number, runId = 'run1'): Promise<TappedInterface> {
  const journal = journalIn({ folder, copyFolder, ruleNames, runId });
  const tap = new TappedInterface({ journal, clock: { seconds: 600 }, meter: { windowsMax: 4 } });
  tap.tap.attach();
  await count(tap, flows, 605);
  return tap;
}

async function count(tap: TappedInterface, flows: number, seconds: number): Promise<void> {
  tap.engine.newest.waiting = Array.from({ length: flows }, (_, flow) => ({ seconds, bytes: datagram(flow) }));
  await tap.round(seconds);
}

const sync = () => syncTables({ folder, copyFolder });
const copies = () => readdirSync(copyFolder).filter((name) => name.endsWith('.copy'));
const absence = () => journalIn({ folder, copyFolder, ruleNames, runId: 'run9', bootId: 'boot-2' }).absentSince;

/** The memory is gone, and empty at the next start. */
function reboot(): void {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  restoreCopies({ folder, copyFolder });
}

describe('copies of windows in memory', () => {
  test('are what a reboot leaves of them, as of the last sync', async () => {
    const tap = await counted(300);
    await sync();
    await count(tap, 50, 615);
    reboot();
    const { windows, quarantined } = findLeftWindows(copyFolder);
    expect(quarantined).toEqual([]);
    expect(windows.map(({ ledger }) => ledger.metered.packets)).toEqual([300]);
    expect(packetsIn(windows)).toBe(300);
    expect(absence()).toBe(605);
  });

  test('go before the window that they were made of', async () => {
    const tap = await counted(10);
    await sync();
    expect(copies().length).toBeGreaterThanOrEqual(3);
    tap.tap.end();
    const [files] = tap.files;
    const [first, last] = files!.window;
    expect([first, last].map((path) => existsSync(path!))).toEqual([true, true]);
    expect(first).toBe(`${copyFolder}/${last!.split('/').at(-1)}.copy`);
  });

  test('go with the next sync where the window is gone already', async () => {
    const tap = await counted(10);
    await sync();
    tap.tap.end();
    const [files] = tap.files;
    for (const path of [...files!.window, ...files!.tables]) if (!path.endsWith('.copy')) rmSync(path);
    await sync();
    expect(copies().filter((name) => !name.endsWith('.seen.copy'))).toEqual([]);
  });

  test('are left alone as long as the memory has the windows', async () => {
    await counted(10);
    await sync();
    restoreCopies({ folder, copyFolder });
    expect(findLeftWindows(copyFolder).windows).toEqual([]);
    expect(packetsIn(findLeftWindows(folder).windows)).toBe(10);
  });

  test('are found by a run that keeps its windows on disk again', async () => {
    await counted(10);
    await sync();
    rmSync(folder, { recursive: true });
    restoreCopies({ folder: copyFolder });
    expect(copies()).toEqual([]);
    expect(packetsIn(findLeftWindows(copyFolder).windows)).toBe(10);
    expect(journalIn({ folder: copyFolder, ruleNames, runId: 'run9', bootId: 'boot-2' }).absentSince).toBe(605);
  });

  test('are made anew where somebody deleted them with their folder, and say what refuses them', async () => {
    await counted(10);
    rmSync(copyFolder, { recursive: true });
    await sync();
    expect(copies().length).toBeGreaterThanOrEqual(3);
    rmSync(copyFolder, { recursive: true });
    writeFileSync(copyFolder, '');
    await expect(sync()).rejects.toThrow('ENOTDIR');
  });
});
