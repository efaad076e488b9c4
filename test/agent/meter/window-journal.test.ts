import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Window } from '../../../agent/flow/window.ts';
import { absentSince } from '../../../agent/meter/observed-until.ts';
import type { PageMapper } from '../../../agent/meter/table-memory.ts';
import { TableSync } from '../../../agent/meter/table-sync.ts';
import { pointKey } from '../../../agent/meter/window-file.ts';
import type { JournalEvent } from '../../../agent/meter/window-journal.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { POINT } from '../../support/closed-windows.ts';
import { ethernet, ipv4, ipv6, udp } from '../../support/packet-builder.ts';
import {
  findLeftWindows,
  type JournalParts,
  journalIn,
  packetsIn,
  type TablePlace,
  tablePlaces,
} from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;
const KEY = pointKey(POINT);
const addon = loadCaptureAddon();

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const udp4 = (flow: number) =>
  ethernet(
    {},
    ipv4(
      { source: `10.${flow >> 16}.${(flow >> 8) & 255}.${flow & 255}`, destination: '10.1.0.1', protocol: 17 },
      udp({ sourcePort: 4000, destinationPort: 53 }),
    ),
  );
const udp6 = ethernet(
  {},
  ipv6(
    { source: '2001:db8::1', destination: '2001:db8::2', nextHeader: 17 },
    udp({ sourcePort: 1, destinationPort: 2 }),
  ),
);

/** A tap of `POINT` with windows of 60 s, attached at this second. */
function tapped(seconds: number, parts: Partial<JournalParts> = {}): TappedInterface {
  const journal = journalIn({ folder, ruleNames, ...parts });
  const tap = new TappedInterface({ journal, clock: { seconds }, meter: { windowsMax: 4 } });
  tap.tap.attach();
  return tap;
}

function wait(tap: TappedInterface, seconds: number, ...frames: readonly Uint8Array[]): void {
  tap.engine.newest.waiting = frames.map((bytes) => ({ seconds, bytes }));
}

const files = () => readdirSync(folder).sort();
const windowPath = () => join(folder, files().find((name) => name.endsWith('.window'))!);
const tables = () => tablePlaces(windowPath());
const families = () => tables().map(({ family }) => family);
/** Without the folder, the run and the point. */
const short = (path: string) => path.replace(/^.*\//, '').replace(`-run1-${KEY}`, '').replace(KEY, 'of-point');
const shortFiles = () => files().map(short).sort();

const gapsByWindow = (tap: TappedInterface) =>
  tap.closed.map(({ start, ledger }) => [
    start,
    ...ledger.gaps.map((gap) => [gap.fromSeconds, gap.toSeconds, gap.reason]),
  ]);

describe('an open window', () => {
  test('has one file from its beginning, which has its tables once there are any', async () => {
    const tap = tapped(600);
    expect(shortFiles()).toEqual(['600-0.window', 'of-point.seen']);
    wait(tap, 601, udp4(1));
    await tap.round(601);
    expect(families()).toEqual([4]);
    wait(tap, 602, udp6);
    await tap.round(602);
    expect(families()).toEqual([4, 6]);
    expect(shortFiles()).toEqual(['600-0.window', 'of-point.seen']);
    for (const { slotsAt } of tables()) expect(slotsAt % addon.pageBytes()).toBe(0);
    expect(statSync(windowPath()).size).toBe(tables().at(-1)!.end);
  });

  test('is for its owner alone', () => {
    tapped(600);
    for (const name of files()) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test('leaves the sizes it grew out of until it goes', async () => {
    const tap = tapped(600);
    for (let flow = 0; flow < 300; flow += 100) {
      wait(tap, 601, ...Array.from({ length: 100 }, (_, index) => udp4(flow + index)));
      await tap.round(601);
    }
    const sizes = tables().map(({ slots }) => slots);
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes).toEqual(sizes.toSorted((left, right) => left - right));
    tap.tap.end();
    expect(tap.files.map((paths) => paths!.map(short))).toEqual([['600-0.window']]);
    expect(tables().map(({ slots }) => slots)).toEqual(sizes);
  });

  test('that is opened anew has files of its own', async () => {
    const tap = tapped(600);
    await tap.round(662);
    wait(tap, 610, udp4(1));
    await tap.round(663);
    tap.tap.end();
    expect(tap.files.flatMap((paths) => paths!.map(short))).toEqual(['600-0.window', '600-1.window', '660-0.window']);
  });
});

describe('a large table', () => {
  /** As many flows as a table of 1 MiB has room for, and so many more. */
  async function count(tap: TappedInterface, more: number): Promise<void> {
    const flows = Math.floor((32_768 * 2) / 3) + more;
    for (let from = 0; from < flows; from += 2000) {
      const frames = Array.from({ length: Math.min(2000, flows - from) }, (_, flow) => udp4(from + flow));
      wait(tap, 601, ...frames);
      await tap.round(601);
    }
  }
  const slots = () => tables().map((table) => table.slots);

  test('has room for its next size in the file before it needs it, which a kill then leaves empty beside it', async () => {
    const tap = tapped(600);
    await count(tap, -100);
    expect(slots().slice(-2)).toEqual([32_768, 65_536]);
    expect(packetsIn(findLeftWindows(folder).windows)).toBe(21_845 - 100);
    await count(tap, 100);
    expect(slots().slice(-2)).toEqual([32_768, 65_536]);
    expect(packetsIn(findLeftWindows(folder).windows)).toBe(2 * 21_845);
    tap.tap.end();
    expect(tap.closed[0]!.records.length).toBe(21_845 + 100);
  });

  test('gives it back when its window is closed without it', async () => {
    const tap = tapped(600);
    await count(tap, -100);
    const [table, next] = tables().slice(-2);
    expect(statSync(windowPath()).size).toBe(next!.end);
    tap.tap.end();
    expect(statSync(windowPath()).size).toBe(table!.end);
    expect(packetsIn(findLeftWindows(folder).windows)).toBe(21_845 - 100);
  });
});

describe('a disk that refuses', () => {
  let events: JournalEvent[];
  let refused: boolean;
  let volatile: number[];
  /** Reserves nothing in files on the disk while `refused`. */
  const mapper: PageMapper = {
    ...addon,
    map(fileDescriptor, bytes, offset) {
      if (fileDescriptor === -1) volatile.push(bytes);
      return addon.map(fileDescriptor, bytes, offset);
    },
    reserveFile(fileDescriptor, bytes, offset) {
      const isMemory = statSync(`/proc/self/fd/${fileDescriptor}`).dev !== statSync(folder).dev;
      if (refused && !isMemory) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      addon.reserveFile(fileDescriptor, bytes, offset);
    },
  };
  beforeEach(() => {
    events = [];
    volatile = [];
    refused = false;
  });
  const refusing = (seconds: number) => tapped(seconds, { mapper, onEvent: (event) => events.push(event) });

  test('leaves windows in memory, says so once, and says when they are kept again', async () => {
    const tap = refusing(600);
    refused = true;
    for (const second of [662, 722, 782]) {
      await tap.round(second);
      wait(tap, second, udp4(1), udp6);
      await tap.round(second);
    }
    expect(events).toEqual([{ kind: 'memory-only', reason: 'no space left on device' }]);
    expect(shortFiles()).toEqual(['600-0.window', 'of-point.seen']);
    refused = false;
    await tap.round(842);
    wait(tap, 842, udp4(1));
    await tap.round(842);
    expect(events.slice(1)).toEqual([{ kind: 'persisted', memoryOnlyTables: 6 }]);
    expect(tablePlaces(join(folder, files().find((name) => name.startsWith('840-'))!)).length).toBe(1);
    tap.tap.end();
    expect(tap.closed.map(({ start, ledger }) => [start, ledger.metered.packets])).toEqual([
      [600, 0],
      [660, 2],
      [720, 2],
      [780, 2],
      [840, 1],
    ]);
  });

  test('lets a table grow in memory, and counts on', async () => {
    const tap = refusing(600);
    wait(tap, 601, ...Array.from({ length: 20 }, (_, flow) => udp4(flow)));
    await tap.round(601);
    refused = true;
    wait(tap, 602, ...Array.from({ length: 100 }, (_, flow) => udp4(flow)));
    await tap.round(602);
    expect([families(), statSync(windowPath()).size]).toEqual([[4], tables()[0]!.end]);
    expect(volatile.length).toBe(1);
    tap.tap.end();
    expect(tap.closed[0]!.records.length).toBe(100);
    expect(tap.closed[0]!.ledger.metered.packets).toBe(120);
  });

  test('has no room taken of a table that could not be mapped', async () => {
    const tap = tapped(600, {
      mapper: {
        ...addon,
        map(fileDescriptor, bytes, offset) {
          if (offset !== undefined && bytes > 4096) throw Object.assign(new Error('no memory'), { code: 'ENOMEM' });
          return addon.map(fileDescriptor, bytes, offset);
        },
      },
    });
    for (const flows of [20, 100]) {
      wait(tap, 601, ...Array.from({ length: flows }, (_, flow) => udp4(flow)));
      await tap.round(601);
    }
    expect([families(), statSync(windowPath()).size]).toEqual([[4], tables()[0]!.end]);
    tap.tap.end();
    expect(tap.closed[0]!.ledger.metered.packets).toBe(120);
  });

  test('makes the gap of the next run begin with the first window that only memory knew', async () => {
    const tap = refusing(600);
    refused = true;
    await tap.round(662);
    wait(tap, 670, udp4(1));
    await tap.round(670);
    refused = false;
    await tap.round(722);
    await tap.round(730);
    const since = () => absentSince(readFileSync(join(folder, `${KEY}.seen`)), KEY, 'boot-1');
    expect(tap.starts).toEqual([600, 660]);
    expect(since()).toBe(660);
    tap.tap.released({ start: 660, revision: 0, release: () => undefined } as Window);
    await tap.round(731);
    expect(since()).toBe(731);
  });

  test('leaves the time of the run before as it was, until it takes files', async () => {
    const before = refusing(600);
    await before.round(610);
    refused = true;
    const tap = tapped(620, { mapper, runId: 'run2', onEvent: (event) => events.push(event) });
    const since = () => absentSince(readFileSync(join(folder, `${KEY}.seen`)), KEY, 'boot-1');
    expect(since()).toBe(610);
    await tap.round(662);
    refused = false;
    await tap.round(722);
    expect(since()).toBe(600);
    for (const start of [600, 660]) tap.tap.released({ start, revision: 0, release: () => undefined } as Window);
    await tap.round(723);
    expect(since()).toBe(723);
  });

  test('has no file of what it refused in the middle', () => {
    refused = true;
    refusing(600);
    expect(files()).toEqual([]);
  });

  test('makes its folder again where that is gone', async () => {
    const tap = tapped(600);
    rmSync(folder, { recursive: true });
    wait(tap, 661, udp4(1));
    await tap.round(661);
    expect(shortFiles()).toContain('660-0.window');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    tap.tap.end();
  });

  test('is no failure where the state directory is gone', async () => {
    const tap = tapped(600, { folder: join(folder, 'gone', 'tables'), onEvent: (event) => events.push(event) });
    wait(tap, 601, udp4(1));
    await tap.round(601);
    tap.tap.end();
    expect(events).toEqual([{ kind: 'memory-only', reason: expect.stringContaining('ENOENT') }]);
    expect(tap.closed[0]!.ledger.metered.packets).toBe(1);
    expect(tap.files).toEqual([undefined]);
  });
});

describe('pages and files', () => {
  let mapped: Map<ArrayBuffer, string>;
  /** Knows what is mapped now, and of which file. */
  const mapper: PageMapper = {
    ...addon,
    map(fileDescriptor, bytes, offset) {
      const buffer = addon.map(fileDescriptor, bytes, offset);
      mapped.set(buffer, basename(readlinkSync(`/proc/self/fd/${fileDescriptor}`)));
      return buffer;
    },
    unmap(buffer) {
      addon.unmap(buffer);
      mapped.delete(buffer);
    },
  };
  beforeEach(() => {
    mapped = new Map();
  });
  const mappedFiles = () => [...mapped.values()].map(short).sort();
  const openFiles = () =>
    readdirSync('/proc/self/fd')
      .map((fileDescriptor) => {
        try {
          return readlinkSync(`/proc/self/fd/${fileDescriptor}`);
        } catch {
          return '';
        }
      })
      .filter((path) => path.startsWith(folder));

  test('of a closed window are given back, and those of the others stay', async () => {
    const tap = tapped(600, { mapper });
    wait(tap, 601, udp4(1), udp6);
    await tap.round(601);
    expect(mappedFiles()).toEqual(['600-0.window', '600-0.window', '600-0.window', 'of-point.seen.new']);
    await tap.round(662);
    expect(mappedFiles()).toEqual(['660-0.window', 'of-point.seen.new']);
    tap.tap.end();
    expect(mappedFiles()).toEqual([]);
  });

  test('a window has one file open, whatever its tables, until it is released; its ledger stays in the file', async () => {
    const tap = tapped(600);
    wait(tap, 601, ...Array.from({ length: 100 }, (_, flow) => udp4(flow)), udp6);
    await tap.round(601);
    expect(openFiles().map(short)).toEqual(['600-0.window']);
    tap.tap.end();
    expect(openFiles().map(short)).toEqual(['600-0.window']);
    const [{ headerAt }] = tables() as [TablePlace];
    tap.tap.released({ start: 600, revision: 0, release: () => undefined } as Window);
    expect([openFiles(), statSync(windowPath()).size]).toEqual([[], headerAt]);
  });

  test('of a watermark whose file was deleted are given back when it is made anew', async () => {
    const tap = tapped(600, { mapper });
    rmSync(join(folder, `${KEY}.seen`));
    await tap.round(662);
    expect(mappedFiles()).toEqual(['660-0.window', 'of-point.seen.new']);
    expect(absentSince(readFileSync(join(folder, `${KEY}.seen`)), KEY, 'boot-1')).toBe(662);
  });

  test('of a watermark that cannot be put in its place are given back', () => {
    mkdirSync(join(folder, `${KEY}.seen`));
    const events: JournalEvent[] = [];
    tapped(600, { mapper, onEvent: (event) => events.push(event) });
    expect(events.map(({ kind }) => kind)).toEqual(['memory-only', 'persisted']);
    expect(mappedFiles()).toEqual(['600-0.window']);
  });

  test('of a point that is forgotten leave nothing', async () => {
    const tap = tapped(600, { mapper });
    tap.tap.end();
    tap.tap.forget();
    expect([mappedFiles(), shortFiles()]).toEqual([[], ['600-0.window']]);
  });
});

describe('the time in which nobody captured', () => {
  /** A run that is killed at this second: its tap is left alone. */
  async function killedAt(seconds: number): Promise<void> {
    const tap = tapped(seconds - 10);
    await tap.round(seconds);
  }

  test('is none when nobody ever did', () => {
    const tap = tapped(600);
    expect(tap.events).toEqual([{ kind: 'attached' }]);
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[600]]);
  });

  test('is the gap of the window in which the run before ended', async () => {
    await killedAt(615);
    const tap = tapped(620, { runId: 'run2' });
    expect(tap.events).toEqual([{ kind: 'resumed', gapSeconds: 5 }, { kind: 'attached' }]);
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[600, [615, 620, 'agent-not-running']]]);
  });

  test('is a gap of every window that it touches, also of those that nobody captured', async () => {
    await killedAt(615);
    const tap = tapped(800.5, { runId: 'run2' });
    await tap.round(801);
    await tap.round(842);
    expect(gapsByWindow(tap)).toEqual([
      [600, [615, 660, 'agent-not-running']],
      [660, [660, 720, 'agent-not-running']],
      [720, [720, 780, 'agent-not-running']],
      [780, [780, 800.5, 'agent-not-running']],
    ]);
  });

  test('is a gap of its first and last window where it is long', async () => {
    await killedAt(615);
    const tap = tapped(90_020, { runId: 'run2' });
    await tap.round(90_062);
    expect(gapsByWindow(tap)).toEqual([
      [600, [615, 660, 'agent-not-running']],
      [90_000, [90_000, 90_020, 'agent-not-running']],
    ]);
  });

  test('is known to the run after the next when the next is killed before its first window closes', async () => {
    await killedAt(615);
    tapped(620, { runId: 'run2' });
    const tap = tapped(640, { runId: 'run3' });
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[600, [620, 640, 'agent-not-running']]]);
  });

  test('begins with what a run that ended by itself had not read', async () => {
    const before = tapped(600);
    await before.round(610);
    before.clock.seconds = 611;
    before.tap.end();
    const tap = tapped(613, { runId: 'run2' });
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[600, [610, 613, 'agent-not-running']]]);
  });

  test('begins with the end of the intake, once what had arrived by then was read', async () => {
    const before = tapped(600);
    await before.round(610);
    before.clock.seconds = 611;
    before.engine.newest.canStop = true;
    before.tap.stopIntake();
    await before.round(611.3);
    before.tap.end();
    const tap = tapped(613, { runId: 'run2' });
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[600, [611, 613, 'agent-not-running']]]);
  });

  test('does not end with a run that never captured', async () => {
    await killedAt(615);
    const failing = new TappedInterface({
      journal: journalIn({ folder, ruleNames, runId: 'run2' }),
      clock: { seconds: 620 },
    });
    failing.engine.refusal = new Error('no such interface');
    expect(() => failing.tap.attach()).toThrow('no such interface');
    failing.tap.end();
    const tap = tapped(640, { runId: 'run3' });
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[600, [615, 640, 'agent-not-running']]]);
  });

  test('is none when the clock was set back behind the run before', async () => {
    await killedAt(615);
    const tap = tapped(590, { runId: 'run2' });
    tap.tap.end();
    expect(gapsByWindow(tap)).toEqual([[540]]);
  });

  test('is told once the clock is set right of a machine that started without the time', async () => {
    await killedAt(90_015);
    const tap = tapped(100, { runId: 'run2' });
    await tap.round(130);
    tap.clock.setSeconds = 199_900;
    await tap.round(200_035);
    await tap.round(200_062);
    expect(tap.events.slice(1).map(({ kind }) => kind)).toEqual(['jumped', 'resumed']);
    expect(gapsByWindow(tap)).toEqual([
      [60],
      [120, [130, 180, 'clock-jumped']],
      [180, [180, 240, 'clock-jumped']],
      [90_000, [90_015, 90_060, 'agent-not-running']],
      [199_920, [199_920, 199_980, 'agent-not-running']],
      [199_980, [199_980, 200_035, 'agent-not-running']],
    ]);
  });

  test('begins after a reboot at the last sync that came through', async () => {
    const tap = tapped(600);
    await tap.round(605);
    await new TableSync({ folder }).sync();
    await tap.round(615);
    const seen = () => readFileSync(join(folder, `${KEY}.seen`));
    expect(absentSince(seen(), KEY, 'boot-1')).toBe(615);
    expect(absentSince(seen(), KEY, 'boot-2')).toBe(605);
    await tap.round(625);
    await new TableSync({ folder }).sync();
    expect(absentSince(seen(), KEY, 'boot-2')).toBe(625);
  });

  test('under a backlog begins no later than the packets that wait', async () => {
    const tap = tapped(600);
    await tap.round(605);
    tap.engine.newest.waiting = new Array(6500).fill({ seconds: 606, bytes: udp4(1) });
    await tap.round(615);
    expect(absentSince(readFileSync(join(folder, `${KEY}.seen`)), KEY, 'boot-1')).toBe(605);
    await tap.round(616);
    expect(absentSince(readFileSync(join(folder, `${KEY}.seen`)), KEY, 'boot-1')).toBe(616);
  });
});

describe('a sync of the tables', () => {
  test('passes over what is not theirs', async () => {
    tapped(600);
    mkdirSync(join(folder, 'quarantine'));
    writeFileSync(join(folder, 'stranger'), 'x');
    await expect(new TableSync({ folder }).sync()).resolves.toBeUndefined();
  });

  test('fails where the folder is gone', async () => {
    await expect(new TableSync({ folder: join(folder, 'gone') }).sync()).rejects.toThrow('ENOENT');
  });
});
