import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { TableSlots } from '../../../agent/flow/table-cursor.ts';
import { OpenWindow } from '../../../agent/meter/open-window.ts';
import { SettledSlots } from '../../../agent/meter/settled-slots.ts';
import type { ClosedWindow } from '../../../agent/model/closed-window.ts';
import type { LiveStep } from '../../../agent/model/live-feed.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { LiveReading, type LiveReadingOptions } from '../../../agent/threads/live-reading.ts';
import { closedWindow, POINT } from '../../support/closed-windows.ts';
import { ethernet, ipv4, tcp } from '../../support/packet-builder.ts';
import { journalIn, SEED } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;

let folder: string;
let steps: LiveStep[];
beforeEach(() => {
  folder = temporaryFolder();
  steps = [];
});

const frame = (flow: number, flags = 0x10) =>
  ethernet(
    {},
    ipv4(
      { source: `10.0.${flow >> 8}.${flow & 255}`, destination: '10.1.0.1', protocol: 6 },
      tcp({ sourcePort: 4000, destinationPort: 443, flags }),
    ),
  );

function reading(options: Partial<LiveReadingOptions> = {}): LiveReading {
  const identity = { hostId: 'host-1', runId: 'run1', pseudonyms: undefined };
  const emit = (step: LiveStep) => void steps.push(step);
  return new LiveReading({ folders: [folder], hashSeed: SEED, ...identity, emit, nowSeconds: () => 600, ...options });
}

function tapped(parts: Partial<Parameters<typeof journalIn>[0]> = {}): TappedInterface {
  const journal = journalIn({ folder, ruleNames, ...parts });
  const tap = new TappedInterface({ journal, clock: { seconds: 600 }, meter: { windowsMax: 4, hashSeed: SEED } });
  tap.tap.attach();
  return tap;
}

async function receive(tap: TappedInterface, seconds: number, frames: readonly Uint8Array[]): Promise<void> {
  tap.engine.newest.waiting = frames.map((bytes) => ({ seconds, bytes }));
  await tap.round(seconds);
}

interface Row {
  readonly srcaddr: string;
  readonly packets: number;
}

const rowsOf = ({ rows }: LiveStep): Row[] =>
  Buffer.from(rows)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);

const packetsBySource = () => {
  const sums: Record<string, number> = {};
  for (const { srcaddr, packets } of steps.flatMap(rowsOf)) sums[srcaddr] = (sums[srcaddr] ?? 0) + packets;
  return sums;
};

const flows = (from: number, count: number) => Array.from({ length: count }, (_, index) => frame(from + index));

/** The rest of a window whose tables are those of the folder's file, as the recorder maps them. */
function closing(): ClosedWindow {
  return { ...closedWindow(1, 600, 0, []), point: POINT };
}

/** Those of the first window in the folder. */
function tablesOf(): readonly TableSlots[] {
  const [name] = readdirSync(folder).filter((each) => each.endsWith('.window'));
  return new OpenWindow(new SettledSlots()).read([join(folder, name!)], 1e9)!;
}

function whileUnreadable(act: () => void, error?: Error): void {
  const failing = vi.spyOn(SettledSlots.prototype, 'read').mockImplementation(() => {
    if (error !== undefined) throw error;
    return false;
  });
  act();
  failing.mockRestore();
}

describe('following the open windows', () => {
  test('tells what came since it began, flow by flow, and nothing twice, also while tables grow', async () => {
    const tap = tapped();
    await receive(tap, 601, flows(0, 20));
    const live = reading();
    live.begin();
    live.step();
    expect(packetsBySource()).toEqual({});
    const expected: Record<string, number> = {};
    for (let round = 1; round <= 8; round++) {
      await receive(tap, 601 + round, flows(0, 60 * round));
      for (let flow = 0; flow < 60 * round; flow++) {
        const source = `10.0.${flow >> 8}.${flow & 255}`;
        expected[source] = (expected[source] ?? 0) + 1;
      }
      if (round % 3 !== 0) live.step();
    }
    live.step();
    expect(packetsBySource()).toEqual(expected);
    expect(steps.at(-1)!.numbers).toMatchObject({ deferred: 0, unsettled: 0, unreadWindows: 0, omittedFlows: 0 });
  });

  test('has the rows of a record, with times, flags and who began', async () => {
    const tap = tapped();
    const live = reading();
    live.begin();
    await receive(tap, 601, [frame(1, 0x02)]);
    live.step();
    expect(rowsOf(steps[0]!)).toEqual([
      expect.objectContaining({
        ...{ srcaddr: '10.0.0.1', dstaddr: '10.1.0.1', protocol: 6, packets: 1, action: 'ACCEPT' },
        ...{ 'interface-id': 'eni-1', start: 600, end: 660, 'tcp-flags': 2 },
        ...{ initiator: 'source', 'initiator-evidence': 'syn', 'start-ns': '601000000000' },
      }),
    ]);
  });

  test('defers flows beyond the limit of a step to the next ones', async () => {
    const tap = tapped();
    const live = reading({ flowsMax: 10 });
    live.begin();
    await receive(tap, 601, flows(0, 25));
    for (let step = 0; step < 3; step++) live.step();
    expect(steps.map(({ numbers }) => [numbers.flows, numbers.deferred])).toEqual([
      [10, 15],
      [10, 5],
      [5, 0],
    ]);
    expect(Object.values(packetsBySource())).toEqual(Array(25).fill(1));
  });

  test('leaves windows that are too large to their end, and says so', async () => {
    const tap = tapped();
    const live = reading({ bytesMax: 1000 });
    live.begin();
    await receive(tap, 601, flows(0, 5));
    live.step();
    expect(steps[0]!.numbers).toMatchObject({ flows: 0, unreadWindows: 1 });
  });

  test('tells the rest of a window when it is closed, and does not read its file again', async () => {
    const tap = tapped();
    const live = reading();
    live.begin();
    await receive(tap, 601, flows(0, 5));
    live.step();
    await receive(tap, 602, flows(0, 8));
    live.closed(closing(), tablesOf());
    live.step();
    expect(steps.map(({ numbers }) => numbers.flows)).toEqual([5, 8, 0]);
    expect(Object.values(packetsBySource())).toEqual([2, 2, 2, 2, 2, 1, 1, 1]);
  });

  test('tells of a window that could not be read at the beginning what came since its first reading', async () => {
    const tap = tapped();
    await receive(tap, 601, flows(0, 5));
    const unread = reading();
    whileUnreadable(() => unread.begin());
    unread.closed(closing(), tablesOf());
    expect(steps.map(({ numbers }) => [numbers.flows, numbers.unreadWindows])).toEqual([[0, 1]]);

    steps = [];
    const live = reading();
    whileUnreadable(() => live.begin());
    live.step();
    await receive(tap, 602, flows(0, 8));
    live.closed(closing(), tablesOf());
    expect(steps.map(({ numbers }) => [numbers.flows, numbers.unreadWindows])).toEqual([
      [0, 0],
      [8, 0],
    ]);
    expect(Object.values(packetsBySource())).toEqual(Array(8).fill(1));
  });

  test('tells a memory-only window as it closes, but for one that was open at the beginning', async () => {
    const tap = tapped();
    await receive(tap, 601, flows(0, 5));
    const tables = tablesOf();
    rmSync(folder, { recursive: true });
    for (const begunAt of [601, 600]) {
      const live = reading({ nowSeconds: () => begunAt });
      live.begin();
      live.closed(closing(), tables);
    }
    expect(steps.map(({ numbers }) => [numbers.flows, numbers.unreadWindows])).toEqual([
      [0, 1],
      [5, 0],
    ]);
  });

  test('holds no more of all windows together than a limit, and says how many are not read', async () => {
    for (const interfaceId of ['eni-1', 'eni-2', 'eni-3']) {
      const tap = tapped({ point: { ...POINT, interfaceId } });
      await receive(tap, 601, flows(0, 5));
    }
    const bytes = tablesOf().reduce((sum, { words }) => sum + words.byteLength, 0);
    const live = reading({ heldBytesMax: 2 * bytes });
    live.begin();
    for (let step = 0; step < 3; step++) live.step();
    expect(steps.map(({ numbers }) => numbers.unreadWindows)).toEqual([1, 1, 1]);
    live.closed(closing(), tablesOf());
    live.step();
    expect(steps.at(-1)!.numbers.unreadWindows).toBe(0);
  });

  test('goes on where there is no memory for a table, and says so', async () => {
    const tap = tapped();
    const live = reading();
    live.begin();
    await receive(tap, 601, flows(0, 5));
    whileUnreadable(() => live.step(), new RangeError('Array buffer allocation failed'));
    live.step();
    expect(steps.map(({ numbers }) => [numbers.flows, numbers.unreadWindows])).toEqual([
      [0, 1],
      [5, 0],
    ]);
  });

  test('takes the tables of a disk behind those in memory, and not a copy for a window', async () => {
    const copyFolder = join(folder, 'disk');
    mkdirSync(copyFolder);
    const tap = tapped();
    await receive(tap, 601, flows(0, 3));
    const [name] = readdirSync(folder).filter((each) => each.endsWith('.window'));
    const { copyFileSync } = await import('node:fs');
    copyFileSync(join(folder, name!), join(copyFolder, name!));
    const live = reading({ folders: [folder, copyFolder] });
    live.begin();
    await receive(tap, 602, flows(0, 4));
    live.step();
    expect(steps[0]!.numbers.flows).toBe(4);
  });

  test('reads nothing of other runs, and survives folders and files that go', async () => {
    const tap = tapped({ runId: 'other' });
    const live = reading({ folders: [folder, join(folder, 'gone')] });
    live.begin();
    await receive(tap, 601, flows(0, 3));
    live.step();
    rmSync(folder, { recursive: true });
    live.step();
    expect(steps.map(({ numbers }) => numbers.flows)).toEqual([0, 0]);
  });

  test('holds nothing once it has ended', async () => {
    const tap = tapped();
    const live = reading();
    live.begin();
    live.end();
    await receive(tap, 601, flows(0, 3));
    live.closed(closing(), []);
    expect(live.isOn).toBe(false);
    expect(steps).toEqual([]);
  });
});
