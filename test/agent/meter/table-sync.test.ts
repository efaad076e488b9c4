import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TableSync } from '../../../agent/meter/table-sync.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, packetsIn } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;

/** Windows stay in it only as long as half of it is free, as of a memory. */
let folder: string;
let copyFolder: string;
let tableSync: TableSync;
beforeEach(() => {
  folder = mkdtempSync('/dev/shm/flowlogd-test-');
  copyFolder = temporaryFolder();
  tableSync = new TableSync({ folder, copyFolder });
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

const sync = () => tableSync.sync();
const copies = () => readdirSync(copyFolder).sort();
const absence = () => journalIn({ folder, copyFolder, ruleNames, runId: 'run9', bootId: 'boot-2' }).absentSince;

/** The memory is gone, and empty at the next start. */
function reboot(): void {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
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
    expect(copies()).toEqual(readdirSync(folder).sort());
    tap.tap.end();
    const [first, last] = tap.files[0]!;
    expect([first, last].map((path) => existsSync(path!))).toEqual([true, true]);
    expect([first, last].map((path) => dirname(path!))).toEqual([copyFolder, folder]);
  });

  test('go with the next sync where the window is gone already', async () => {
    const tap = await counted(10);
    await sync();
    tap.tap.end();
    const [files] = tap.files;
    rmSync(files!.at(-1)!);
    await sync();
    expect(copies()).toEqual([expect.stringMatching(/\.seen$/)]);
  });

  test('are not read as long as the memory has the windows, and go with them', async () => {
    await counted(10);
    await sync();
    const { windows } = findLeftWindows([folder, copyFolder]);
    expect(packetsIn(windows)).toBe(10);
    for (const window of windows) window.forget();
    expect([folder, copyFolder].flatMap((each) => readdirSync(each)).every((name) => name.endsWith('.seen'))).toBe(
      true,
    );
  });

  test('are found by a run that keeps its windows on disk again', async () => {
    await counted(10);
    await sync();
    rmSync(folder, { recursive: true });
    expect(packetsIn(findLeftWindows(copyFolder).windows)).toBe(10);
    expect(journalIn({ folder: copyFolder, ruleNames, runId: 'run9', bootId: 'boot-2' }).absentSince).toBe(605);
  });

  test('are made anew where somebody deleted them with their folder, and say what refuses them', async () => {
    await counted(10);
    rmSync(copyFolder, { recursive: true });
    await sync();
    expect(copies()).toEqual(readdirSync(folder).sort());
    rmSync(copyFolder, { recursive: true });
    writeFileSync(copyFolder, '');
    await expect(sync()).rejects.toThrow('ENOTDIR');
  });
});
