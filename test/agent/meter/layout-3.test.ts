/** Windows that a flowlogd with layout 3 left, written as it wrote them; whole states of that time are in test/golden. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeHeader, encodeHeader } from '../../../agent/meter/header-block.ts';
import { renameFormerCopies } from '../../../agent/meter/layout-3.ts';
import type { PersistedWindow } from '../../../agent/meter/window-file.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { ethernet, ipv4, ipv6, udp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, packetsIn, tablePlaces } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;

let folder: string;
beforeEach(async () => {
  folder = temporaryFolder();
  await leaveWindow();
});

const udp4 = (flow: number) =>
  ethernet(
    {},
    ipv4(
      { source: `10.0.0.${flow}`, destination: '10.1.0.1', protocol: 17 },
      udp({ sourcePort: 1, destinationPort: 2 }),
    ),
  );
const UDP6 = ethernet(
  {},
  ipv6(
    { source: '2001:db8::1', destination: '2001:db8::2', nextHeader: 17 },
    udp({ sourcePort: 1, destinationPort: 2 }),
  ),
);

/** Forty flows of IPv4, whose table has grown once, and one of IPv6, in the files of layout 3. */
async function leaveWindow(): Promise<void> {
  const tap = new TappedInterface({ journal: journalIn({ folder, ruleNames }), clock: { seconds: 600 } });
  tap.tap.attach();
  tap.engine.newest.waiting = [...Array.from({ length: 40 }, (_, flow) => udp4(flow)), UDP6].map((bytes) => ({
    seconds: 601,
    bytes,
  }));
  await tap.round(601);
  asLayout3(fileNamed('.window'));
}

/** Takes the tables out of a window's file, each into one of its own with its header behind it. */
function asLayout3(path: string): void {
  const file = readFileSync(path);
  const places = tablePlaces(path);
  const header = decodeHeader(file);
  if (header.kind !== 'header') throw new Error(header.kind);
  const { revision, ...window } = header.value as PersistedWindow;
  const stem = path.replace(/^.*\/|\.window$/g, '');
  const ledger = file.subarray(header.bytes, places[0]!.headerAt);
  writeFileSync(path, Buffer.concat([encodeHeader({ ...window, piece: revision }, 3), ledger]));
  const generations = { 4: 0, 6: 0 };
  for (const { family, slots, slotsAt, end } of places) {
    const generation = generations[family]++;
    const content = [file.subarray(slotsAt, end), encodeHeader({ stem, family, generation, slots }, 3)];
    writeFileSync(join(folder, `${stem}.ipv${family}-${generation}`), Buffer.concat(content));
  }
}

const left = () => readdirSync(folder).filter((name) => !name.endsWith('.seen') && name !== 'quarantine');
const fileNamed = (part: string) => join(folder, left().find((name) => name.includes(part))!);
const ends = (names: readonly string[]) => names.map((name) => name.replace(/^[^.]*\./, '')).sort();

describe('a window of layout 3', () => {
  test('comes with all its tables, each in the size that holds the most, and its files go together', () => {
    expect(ends(left())).toEqual(['ipv4-0', 'ipv4-1', 'ipv6-0', 'window']);
    const { windows, quarantined, newer } = findLeftWindows(folder);
    expect([quarantined, newer]).toEqual([[], []]);
    expect(windows).toMatchObject([
      { header: { runId: 'run1', windowStart: 600 }, firstPart: 0, ledger: { metered: { packets: 41 } } },
    ]);
    expect(packetsIn(windows)).toBe(41);
    windows[0]!.forget();
    expect(left()).toEqual([]);
  });

  test.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['with a damaged header', (bytes) => bytes.fill(1, bytes.length - 4050, bytes.length - 4049), /header is damaged/],
    ['whose header was lost', (bytes) => bytes.fill(0, bytes.length - 4096), /never on the disk/],
    ['that is cut short', (bytes) => bytes.subarray(0, bytes.length - 100), /./],
    ['that is another’s', () => readFileSync(fileNamed('.ipv4-0')), /another table/],
  ])('comes without a table %s, whose packets are overflowed', (_, damage, reason) => {
    const path = fileNamed('.ipv6-0');
    writeFileSync(path, damage(readFileSync(path)));
    const { windows, quarantined } = findLeftWindows(folder);
    expect(quarantined).toEqual([expect.stringMatching(reason)]);
    expect(quarantined[0]).toContain('.ipv6-0: ');
    expect(windows[0]!.ledger).toMatchObject({ metered: { packets: 40 }, overflowed: { packets: 1 } });
    windows[0]!.forget();
    expect([left(), ends(readdirSync(join(folder, 'quarantine')))]).toEqual([
      [],
      ['ipv4-0', 'ipv4-1', 'ipv6-0', 'window'],
    ]);
  });

  test('that is in the spool already, of which only tables are left, goes', () => {
    rmSync(fileNamed('.window'));
    expect(findLeftWindows(folder)).toMatchObject({ windows: [], quarantined: [] });
    expect(left()).toEqual([]);
  });

  test('a table that was never begun is no loss', () => {
    writeFileSync(fileNamed('.ipv6-0').replace('ipv6-0', 'ipv6-1'), Buffer.alloc(8192));
    const { windows, quarantined } = findLeftWindows(folder);
    expect([packetsIn(windows), quarantined]).toEqual([41, []]);
  });

  test('of which a reboot left the copies alone comes all the same', () => {
    for (const name of readdirSync(folder)) renameSync(join(folder, name), join(folder, `${name}.copy`));
    renameFormerCopies(folder);
    expect(packetsIn(findLeftWindows(folder).windows)).toBe(41);
    expect(journalIn({ folder, ruleNames, runId: 'run9' }).absentSince).toBe(601);
  });

  test('in memory comes once, and its copies go with it', () => {
    const memory = temporaryFolder();
    mkdirSync(memory, { recursive: true });
    for (const name of readdirSync(folder)) {
      writeFileSync(join(memory, name), readFileSync(join(folder, name)));
      renameSync(join(folder, name), join(folder, `${name}.copy`));
    }
    renameFormerCopies(folder);
    const { windows } = findLeftWindows([memory, folder]);
    expect(windows.length).toBe(1);
    expect(packetsIn(windows)).toBe(41);
    windows[0]!.forget();
    expect([...readdirSync(memory), ...left()].filter((name) => !name.endsWith('.seen'))).toEqual([]);
  });
});
