import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { LAYOUT_VERSION } from '../../../agent/meter/header-block.ts';
import type { MeterOptions } from '../../../agent/meter/meter.ts';
import type { PageMapper } from '../../../agent/meter/table-memory.ts';
import { logStatus, offeredPackets } from '../../../agent/model/ledger.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import { WindowRecovery } from '../../../agent/threads/window-recovery.ts';
import { POINT } from '../../support/closed-windows.ts';
import { fileSystemError } from '../../support/crashing-disk.ts';
import { arp, ethernet, ipv4, ipv6, udp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, packetsIn, recordsOf, tablePlaces } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;
const addon = loadCaptureAddon();

const udp4 = (flow: number, port = 53) =>
  ethernet(
    {},
    ipv4(
      { source: `10.0.${flow >> 8}.${flow & 255}`, destination: '10.1.0.1', protocol: 17 },
      udp({ sourcePort: 4000, destinationPort: port }),
    ),
  );
const udp6 = (flow: number) =>
  ethernet(
    {},
    ipv6(
      { source: `2001:db8::${flow.toString(16)}`, destination: '2001:db8::ffff', nextHeader: 17 },
      udp({ sourcePort: 1, destinationPort: 2 }),
    ),
  );
const DHCP = ethernet(
  {},
  ipv4(
    { source: '0.0.0.0', destination: '255.255.255.255', protocol: 17 },
    udp({ sourcePort: 68, destinationPort: 67 }),
  ),
);

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

/** A run of the agent on `POINT`, with windows of 60 s. Its kill is that nobody does anything with it any more. */
function run(
  seconds: number,
  mapper: PageMapper = addon,
  runId = 'run1',
  meter: Partial<MeterOptions> = {},
): TappedInterface {
  const journal = journalIn({ folder, ruleNames, mapper, runId });
  const tap = new TappedInterface({ journal, clock: { seconds }, meter });
  tap.tap.attach();
  return tap;
}

async function round(tap: TappedInterface, seconds: number, frames: readonly Uint8Array[]): Promise<void> {
  tap.engine.newest.waiting = frames.map((bytes) => ({ seconds, bytes }));
  await tap.round(seconds);
}

const flows = (count: number, from = 0) => Array.from({ length: count }, (_, index) => udp4(from + index));
const fileNamed = (part: string) => {
  const name = readdirSync(folder).find((each) => each.includes(part));
  if (name === undefined) throw new Error(`no file ${part} among ${readdirSync(folder)}`);
  return join(folder, name);
};
const windowPath = () => fileNamed('.window');
/** The largest that a table of the only window has had, or an earlier one. */
const placeOf = (family: 4 | 6, back = 1) =>
  tablePlaces(windowPath())
    .filter((place) => place.family === family)
    .at(-back)!;
const left = () => readdirSync(folder).filter((name) => !name.endsWith('.seen') && name !== 'quarantine');
const inQuarantine = () => readdirSync(join(folder, 'quarantine')).sort();

/** Changes the file as if it were another's. */
function rewrite(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

describe('a window that a killed run left open', () => {
  test('comes back with its identity, its records and its ledger', async () => {
    const tap = run(600);
    await round(tap, 601, [...flows(3), udp4(0), udp6(1), DHCP, arp()]);
    const { windows, quarantined, recovery } = findLeftWindows(folder);
    expect(quarantined).toEqual([]);
    expect(windows).toMatchObject([
      {
        point: POINT,
        header: {
          hostId: 'host-1',
          runId: 'run1',
          flowLogId: 'fl-1',
          interfaceId: 'eni-1',
          accountId: POINT.flowLog.accountId,
          windowStart: 600,
          windowSeconds: 60,
        },
        firstPart: 0,
        ledger: {
          metered: { packets: 5, bytes: 4 * 28 + 48 },
          excluded: { dhcp: { packets: 1 } },
          notIp: { packets: 1 },
        },
      },
    ]);
    tap.tap.end();
    expect(recordsOf(windows[0]!)).toEqual(tap.closed[0]!.records);
    expect(offeredPackets(windows[0]!.ledger)).toBe(offeredPackets(tap.closed[0]!.ledger));
    expect(recovery.counters).toMatchObject({ windows: 1, records: 4, packets: 5, slotsDamaged: 0, quarantined: 0 });
  });

  test('says that its last second may not be whole, and nothing beyond it', async () => {
    const tap = run(600);
    await round(tap, 610.5, flows(1));
    const [window] = findLeftWindows(folder).windows;
    expect(window!.ledger.gaps).toEqual([{ fromSeconds: 609.5, toSeconds: 610.5, reason: 'agent-not-running' }]);
    expect(logStatus(window!.ledger)).toBe('SKIPDATA');
  });

  test('in its grace has a gap only of what is left of its time', async () => {
    const tap = run(600);
    await round(tap, 660.25, []);
    const { windows } = findLeftWindows(folder);
    const gaps = windows.map(({ header, ledger }) => [
      header.windowStart,
      ...ledger.gaps.map(({ fromSeconds, toSeconds }) => [fromSeconds, toSeconds]),
    ]);
    expect(gaps).toEqual([
      [600, [659.25, 660]],
      [660, [660, 660.25]],
    ]);
  });

  test('keeps the gaps and the drops that were noted', async () => {
    const tap = run(600);
    await round(tap, 610, flows(2));
    tap.engine.newest.counted = { received: 9, droppedByKernel: 7, droppedByInterface: 3 };
    await round(tap, 620, []);
    const [window] = findLeftWindows(folder).windows;
    expect(window!.ledger).toMatchObject({ droppedByKernel: 7, droppedByInterface: 3 });
    tap.tap.end();
    expect(tap.closed[0]!.ledger).toMatchObject({ droppedByKernel: 7, droppedByInterface: 3 });
  });

  test('knows how many flows were coarsened, about, as its own end would have said', async () => {
    const tap = run(600, addon, 'run1', { flowsMax: 100 });
    await round(tap, 601, [...flows(900), ...flows(900)]);
    const [window] = findLeftWindows(folder).windows;
    tap.tap.end();
    const { coarsened, coarsenedKeys } = tap.closed[0]!.ledger;
    expect(window!.ledger).toMatchObject({ coarsened, coarsenedKeys });
    expect(Math.abs(coarsenedKeys - 800)).toBeLessThan(80);
  });

  test('that was closed already is whole: it has no gap of its own', async () => {
    const tap = run(600);
    await round(tap, 610, flows(2));
    await tap.round(670);
    const [closed] = findLeftWindows(folder).windows;
    expect(closed!.ledger).toEqual(tap.closed[0]!.ledger);
  });

  test('in several revisions has parts that no two revisions share', async () => {
    const tap = run(600);
    await tap.round(662);
    await round(tap, 663, []);
    tap.engine.newest.waiting = [{ seconds: 610, bytes: udp4(1) }];
    await tap.round(664);
    const revisions = findLeftWindows(folder).windows.map(({ header, firstPart }) => [header.windowStart, firstPart]);
    expect(revisions).toEqual([
      [600, 0],
      [600, 65_536],
      [660, 0],
    ]);
  });

  test('is not left behind for its own run', async () => {
    run(600);
    const own = new WindowRecovery({
      hashSeed: new Int32Array(19),
      disk: nodeDisk,
      folders: [folder],
      runId: 'run1',
      hostId: 'host-1',
      points: [],
      onQuarantined: () => undefined,
      onNewer: () => undefined,
    });
    expect(own.next()).toBeUndefined();
    expect(left().length).toBe(1);
  });

  test('stays on the disk until it is durable elsewhere', async () => {
    await round(run(600), 601, flows(300));
    const [window] = findLeftWindows(folder).windows;
    window!.release();
    expect(left().length).toBe(1);
    window!.forget();
    expect(left()).toEqual([]);
  });

  test('comes again in the same order whenever it is looked at', async () => {
    await round(run(600), 601, flows(1000));
    const [once, again] = [findLeftWindows(folder), findLeftWindows(folder)].map(({ windows }) =>
      recordsOf(windows[0]!),
    );
    expect(again).toEqual(once);
  });

  test('of which the slots know more than the notes is what the slots say', async () => {
    const tap = run(600);
    await round(tap, 601, flows(5));
    tap.engine.newest.waiting = flows(7).map((bytes) => ({ seconds: 602, bytes }));
    await tap.tap.drain(tap.batch);
    const [window] = findLeftWindows(folder).windows;
    expect(window!.ledger.metered.packets).toBe(12);
    expect(packetsIn([window!])).toBe(12);
  });

  test('without a packet is a ledger', () => {
    run(600);
    expect(findLeftWindows(folder).windows).toMatchObject([{ ledger: { metered: { packets: 0 } }, heldBytes: 0 }]);
  });
});

describe('windows of several runs', () => {
  test('come oldest first', async () => {
    for (const [runId, seconds] of [
      ['run2', 720],
      ['run1', 600],
      ['run3', 660],
    ] as const) {
      await round(run(seconds, addon, runId), seconds + 1, flows(1));
    }
    const { windows } = findLeftWindows(folder);
    const starts = windows.map(({ header }) => header.windowStart);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(packetsIn(windows)).toBe(3);
  });
});

describe('a table that grows', () => {
  /** What a kill would leave at each call of the addon, and how many packets had been counted then. */
  async function snapshots(): Promise<{ folder: string; packets: number }[]> {
    const taken: { folder: string; packets: number }[] = [];
    let packets = 0;
    const snapshot = () => {
      const copy = temporaryFolder();
      cpSync(folder, copy, { recursive: true });
      taken.push({ folder: copy, packets });
    };
    const around =
      <Arguments extends unknown[], Answer>(call: (...words: Arguments) => Answer) =>
      (...words: Arguments): Answer => {
        snapshot();
        const answer = call(...words);
        snapshot();
        return answer;
      };
    const { reserveFile, map, unmap } = addon;
    const tap = run(600, { ...addon, reserveFile: around(reserveFile), map: around(map), unmap: around(unmap) });
    for (let step = 0; step < 8; step++) {
      await round(tap, 601 + step, [...flows(60, 60 * step), ...flows(20)]);
      packets += 80;
      snapshot();
    }
    expect(tablePlaces(windowPath()).length).toBeGreaterThanOrEqual(4);
    return taken;
  }

  test('loses no counted packet and counts none twice, whenever it is killed', async () => {
    const taken = await snapshots();
    expect(taken.length).toBeGreaterThan(20);
    for (const { folder: copy, packets } of taken) {
      const { windows, quarantined } = findLeftWindows(copy);
      expect(quarantined).toEqual([]);
      expect(packetsIn(windows)).toBeGreaterThanOrEqual(packets);
      expect(packetsIn(windows)).toBeLessThanOrEqual(packets + 80);
      for (const { ledger } of windows) expect(ledger.overflowed.packets).toBe(0);
    }
  });

  test('is the smaller one while the larger is not whole, down to the last word', async () => {
    const tap = run(600);
    await round(tap, 601, flows(30));
    const before = readFileSync(windowPath());
    await round(tap, 602, flows(10, 30));
    const expected = recordsOf(findLeftWindows(folder).windows[0]!).length;
    expect(expected).toBe(40);
    // The larger one as it was when everything had moved there, and nothing more had come.
    const { slotsAt, end } = placeOf(4);
    const whole = readFileSync(windowPath());
    before.copy(whole, 0, 0, before.length);
    for (let at = slotsAt; at < end; at += 32) {
      const source = whole.readUInt32LE(at);
      if (source !== 0 && (source & 0xff) >= 30) whole.fill(0, at, at + 32);
    }
    for (let at = slotsAt; at <= end; at += 4) {
      const torn = Buffer.from(whole);
      torn.fill(0, at, end);
      writeFileSync(windowPath(), torn);
      const { windows } = findLeftWindows(folder);
      const records = recordsOf(windows[0]!);
      expect(records.length).toBe(30);
      expect(
        records.every(
          ({ packets, bytes, lastMicroseconds }) => packets === 1 && bytes === 28 && lastMicroseconds === 1_000_000,
        ),
      ).toBe(true);
    }
  });
});

describe('a file that cannot be believed', () => {
  beforeEach(async () => round(run(600), 601, [...flows(40), udp6(1)]));

  test.each<[string, (bytes: Buffer) => void, RegExp]>([
    ['with a damaged header', (bytes) => bytes.writeUInt8(1, 40), /header is damaged/],
    ['with a damaged ledger', (bytes) => bytes.fill(0xff, 4096), /ledger is damaged/],
    ['whose header was lost', (bytes) => bytes.fill(0, 0, 4096), /never on the disk/],
  ])('a window %s: all of it is set aside', (_, damage, reason) => {
    rewrite(windowPath(), damage);
    const names = left().sort();
    const { windows, quarantined, recovery } = findLeftWindows(folder);
    expect(windows).toEqual([]);
    expect(quarantined.length).toBe(names.length);
    for (const line of quarantined) expect(line).toMatch(reason);
    expect(quarantined.at(-1)).toMatch(/\.window: /);
    expect([left(), inQuarantine(), recovery.counters.quarantined]).toEqual([[], names, names.length]);
  });

  test('none is a window of a newer flowlogd: it stays for that version, and is said at each start', () => {
    rewrite(fileNamed('.window'), (bytes) => {
      bytes.writeUInt32LE(LAYOUT_VERSION + 1, 4);
      bytes.fill(7, 16);
    });
    const names = left().sort();
    for (const _start of [1, 2]) {
      const { windows, quarantined, newer, recovery } = findLeftWindows(folder, nodeDisk, [POINT]);
      expect([windows, quarantined, recovery.next()]).toEqual([[], [], undefined]);
      expect(newer).toEqual([expect.stringMatching(/\.window: its layout is 6, this version reads 5$/)]);
      expect(recovery.counters).toMatchObject({ newer: 1, quarantined: 0, windowsLost: 0 });
      expect([left().sort(), existsSync(join(folder, 'quarantine'))]).toEqual([names, false]);
    }
  });

  test('a window that nothing but its name is left of is a ledger of unknown loss, and the reader gets it once', () => {
    rewrite(fileNamed('.window'), (bytes) => bytes.fill(1, 32, 64));
    const { windows, recovery } = findLeftWindows(folder, nodeDisk, [POINT]);
    expect(windows).toMatchObject([
      { point: POINT, firstPart: 0, header: { runId: 'run1', interfaceId: 'eni-1', windowStart: 600 } },
    ]);
    expect(windows[0]!.ledger).toMatchObject({
      metered: { packets: 0 },
      dropsUnknown: true,
      gaps: [{ fromSeconds: 600, toSeconds: 660, reason: 'table-damaged' }],
    });
    expect([logStatus(windows[0]!.ledger), packetsIn(windows), recovery.counters.windowsLost]).toEqual([
      'SKIPDATA',
      0,
      1,
    ]);
    // A kill before it is durable: it comes again, as the same.
    expect(left()).toEqual([expect.stringMatching(/\.window$/)]);
    expect(findLeftWindows(folder, nodeDisk, [POINT]).windows[0]!.header).toEqual(windows[0]!.header);
    windows[0]!.forget();
    expect(left()).toEqual([]);
    expect(inQuarantine().length).toBe(1);
  });

  test.each<[string, (bytes: Buffer) => Buffer | undefined, RegExp]>([
    [
      'of another layout than its window',
      (bytes) => bytes.fill(9, placeOf(6).headerAt + 4, placeOf(6).headerAt + 26),
      /layout is not that of its window/,
    ],
    [
      'with a damaged header',
      (bytes) => bytes.fill(1, placeOf(6).headerAt + 46, placeOf(6).headerAt + 47),
      /header is damaged/,
    ],
    ['that is cut short', (bytes) => bytes.subarray(0, bytes.length - 100), /cut short/],
    [
      'whose header was lost',
      (bytes) => bytes.fill(0, placeOf(6).headerAt, placeOf(6).slotsAt),
      /never on the disk|does not begin/,
    ],
  ])(
    'a table %s: the window comes without it, its packets are overflowed, and its file stays to be looked at',
    (_, damage, reason) => {
      writeFileSync(windowPath(), damage(readFileSync(windowPath()))!);
      const [name] = left();
      const { windows, quarantined } = findLeftWindows(folder);
      expect(quarantined).toEqual([expect.stringMatching(reason)]);
      expect(windows[0]!.ledger).toMatchObject({
        metered: { packets: 40, bytes: 40 * 28 },
        overflowed: { packets: 1, bytes: 48 },
      });
      expect(packetsIn(windows)).toBe(40);
      windows[0]!.forget();
      expect([left(), inQuarantine()]).toEqual([[], [name]]);
    },
  );

  test('a table with a damaged header in front of others: those come', () => {
    rewrite(windowPath(), (bytes) => bytes.fill(1, placeOf(4, 2).headerAt + 46, placeOf(4, 2).headerAt + 47));
    const { windows, quarantined } = findLeftWindows(folder);
    expect(quarantined.length).toBe(1);
    expect(packetsIn(windows)).toBe(41);
    expect(windows[0]!.ledger.overflowed.packets).toBe(0);
  });

  test('whose blocks cannot be read in one table: the others come', () => {
    const { slotsAt } = placeOf(6);
    const disk = {
      ...nodeDisk,
      readNow(path: string, bytes?: number, position?: number) {
        if (position === slotsAt) throw fileSystemError('EIO', path);
        return nodeDisk.readNow(path, bytes, position);
      },
    };
    const { windows, quarantined } = findLeftWindows(folder, disk);
    expect(quarantined).toEqual([expect.stringContaining('EIO')]);
    expect(windows[0]!.ledger).toMatchObject({ metered: { packets: 40 }, overflowed: { packets: 1 } });
  });

  test('a table that lost slots: the others come, and the ledger says how many packets are missing', () => {
    const [smaller, larger] = [placeOf(4, 2), placeOf(4)];
    rewrite(windowPath(), (bytes) => {
      bytes.fill(0, larger.slotsAt, (larger.slotsAt + larger.end) / 2);
      bytes.fill(0, smaller.slotsAt, smaller.end);
    });
    const { windows } = findLeftWindows(folder);
    const { metered, overflowed } = windows[0]!.ledger;
    expect(overflowed.packets).toBeGreaterThan(0);
    expect([metered.packets + overflowed.packets, metered.bytes + overflowed.bytes]).toEqual([41, 40 * 28 + 48]);
    expect(packetsIn(windows)).toBe(metered.packets);
  });

  test('whatever bytes are damaged: the ledger is that of the records, and nothing is counted twice', () => {
    const copies = [...left()];
    const damage = fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 12 }), (damages) => {
        const copy = temporaryFolder();
        cpSync(folder, copy, { recursive: true });
        for (const [file, at, mask] of damages) {
          rewrite(join(copy, copies[file % copies.length]!), (bytes) => {
            bytes[at % bytes.length]! ^= mask;
          });
        }
        for (const window of findLeftWindows(copy).windows) {
          const records = recordsOf(window);
          expect(records.reduce((sum, { packets }) => sum + packets, 0)).toBe(window.ledger.metered.packets);
          expect(window.header.runId).toBe('run1');
        }
      }),
      { numRuns: 150 },
    );
  });

  test('stays where it is when it cannot be moved', () => {
    rewrite(windowPath(), (bytes) => bytes.fill(1, 32, 64));
    const before = left();
    const disk = {
      ...nodeDisk,
      rename(from: string) {
        throw fileSystemError('EIO', from);
      },
    };
    expect(findLeftWindows(folder, disk).windows).toEqual([]);
    expect(left()).toEqual(before);
  });

  test('that the disk cannot read is set aside', () => {
    const names = left().sort();
    const disk = {
      ...nodeDisk,
      readNow(path: string): Uint8Array {
        throw fileSystemError('EIO', path);
      },
    };
    expect(findLeftWindows(folder, disk).windows).toEqual([]);
    expect(inQuarantine()).toEqual(names);
  });
});

describe('windows that cannot be read for now', () => {
  test.each(['EACCES', 'EMFILE'])('by %s stay where they are, and come once each when they can be', async (code) => {
    const tap = run(600);
    await round(tap, 601, flows(3));
    await round(tap, 661, flows(4));
    const before = left().sort();
    let refused: 'list' | 'readNow' | undefined = 'list';
    const disk = {
      ...nodeDisk,
      list(path: string) {
        if (refused === 'list') throw fileSystemError(code, path);
        return nodeDisk.list(path);
      },
      readNow(path: string, bytes?: number, position?: number) {
        if (refused === 'readNow' && path.includes('/660-')) throw fileSystemError(code, path);
        return nodeDisk.readNow(path, bytes, position);
      },
    };
    const { windows, recovery } = findLeftWindows(folder, disk);
    expect(windows).toEqual([]);
    expect(recovery.failure).toContain(code);
    refused = 'readNow';
    const first = recovery.next()!;
    expect(packetsIn([first])).toBe(3);
    expect(recovery.next()).toBeUndefined();
    expect(recovery.failure).toContain(code);
    expect(left().sort()).toEqual(before);
    refused = undefined;
    expect(packetsIn([recovery.next()!])).toBe(4);
    expect([recovery.next(), recovery.failure, recovery.counters.quarantined]).toEqual([undefined, undefined, 0]);
  });
});

describe('files that mean nothing', () => {
  test('of a run that died while it made them go quietly', () => {
    writeFileSync(join(folder, '600-run1-0123456789abcdef-0.window'), '');
    writeFileSync(join(folder, '660-run1-0123456789abcdef-0.window'), Buffer.alloc(8192));
    expect(findLeftWindows(folder)).toMatchObject({ windows: [], quarantined: [] });
    expect(left()).toEqual([]);
  });

  test('a table that was never begun is no loss', async () => {
    await round(run(600), 601, flows(40));
    writeFileSync(windowPath(), Buffer.concat([readFileSync(windowPath()), Buffer.alloc(8192)]));
    const { windows, quarantined } = findLeftWindows(folder);
    expect([packetsIn(windows), quarantined]).toEqual([40, []]);
  });

  test('the rest of a window that is in the spool already goes', async () => {
    await round(run(600), 601, flows(1));
    renameSync(windowPath(), `${windowPath()}-1`);
    expect(findLeftWindows(folder)).toMatchObject({ windows: [], quarantined: [] });
    expect(left()).toEqual([]);
  });

  test('of others are left alone', () => {
    writeFileSync(join(folder, 'notes.txt'), 'x');
    expect(findLeftWindows(folder).windows).toEqual([]);
    expect(left()).toEqual(['notes.txt']);
  });

  test('a folder that is not there has no windows', () => {
    expect(findLeftWindows(join(folder, 'gone')).windows).toEqual([]);
  });
});

test('the quarantine is bounded: its oldest windows go', async () => {
  for (let window = 0; window < 5; window++) {
    const tap = run(600 + 60 * window, addon, `run${window + 1}`);
    await round(tap, 601 + 60 * window, flows(1));
  }
  for (const name of left().filter((each) => each.endsWith('.window'))) {
    rewrite(join(folder, name), (bytes) => bytes.fill(1, 32, 64));
  }
  const bytesOf = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + nodeDisk.size(join(folder, 'quarantine', name)), 0);
  const total = left().reduce((sum, name) => sum + nodeDisk.size(join(folder, name)), 0);
  const quarantineBytesMax = Math.floor(total / 2);
  const recovery = new WindowRecovery({
    hashSeed: new Int32Array(19),
    disk: nodeDisk,
    folders: [folder],
    runId: 'run9',
    hostId: 'host-1',
    points: [],
    onQuarantined: () => undefined,
    onNewer: () => undefined,
    quarantineBytesMax,
  });
  expect(recovery.next()).toBeUndefined();
  expect(bytesOf(inQuarantine())).toBeLessThanOrEqual(quarantineBytesMax);
  expect(recovery.counters.deleted).toBeGreaterThan(0);
  expect(inQuarantine().at(-1)).toMatch(/^840-/);
  expect(inQuarantine().some((name) => name.startsWith('600-'))).toBe(false);
});
