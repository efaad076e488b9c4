import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Window } from '../../../agent/flow/window.ts';
import { decodeHeader, PAGE_BYTES } from '../../../agent/meter/header-block.ts';
import { absentSince } from '../../../agent/meter/observed-until.ts';
import type { PageMapper } from '../../../agent/meter/table-memory.ts';
import { syncTables } from '../../../agent/meter/table-sync.ts';
import { pointKey } from '../../../agent/meter/window-file.ts';
import type { JournalEvent } from '../../../agent/meter/window-journal.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { POINT } from '../../support/closed-windows.ts';
import { ethernet, ipv4, ipv6, udp } from '../../support/packet-builder.ts';
import { type JournalParts, journalIn } from '../../support/persisted-windows.ts';
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
/** Without the folder, the run and the point. */
const short = (path: string) => path.replace(/^.*\//, '').replace(`-run1-${KEY}`, '').replace(KEY, 'of-point');
const shortFiles = () => files().map(short).sort();

const gapsByWindow = (tap: TappedInterface) =>
  tap.closed.map(({ start, ledger }) => [
    start,
    ...ledger.gaps.map((gap) => [gap.fromSeconds, gap.toSeconds, gap.reason]),
  ]);

describe('an open window', () => {
  test('has its file from its beginning, and a file for each table once there is one', async () => {
    const tap = tapped(600);
    expect(shortFiles()).toEqual(['600-0.window', 'of-point.seen']);
    wait(tap, 601, udp4(1));
    await tap.round(601);
    expect(shortFiles()).toEqual(['600-0.ipv4-0', '600-0.window', 'of-point.seen']);
    wait(tap, 602, udp6);
    await tap.round(602);
    expect(shortFiles()).toEqual(['600-0.ipv4-0', '600-0.ipv6-0', '600-0.window', 'of-point.seen']);
    const table = readFileSync(join(folder, files().find((name) => name.endsWith('ipv4-0'))!));
    expect(decodeHeader(table.subarray(table.length - PAGE_BYTES))).toMatchObject({
      value: { family: 4, generation: 0, slots: (table.length - PAGE_BYTES) / 32 },
    });
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
    const tables = shortFiles().filter((name) => name.includes('ipv4'));
    expect(tables.length).toBeGreaterThan(2);
    expect(tables).toEqual(tables.map((_, generation) => `600-0.ipv4-${generation}`));
    tap.tap.end();
    expect(tap.files.map((kept) => [kept!.window.map(short), kept!.tables.map(short)])).toEqual([
      [['600-0.window'], tables],
    ]);
    for (const path of [...tap.files[0]!.window, ...tap.files[0]!.tables]) expect(existsSync(path)).toBe(true);
  });

  test('that is opened anew has files of its own', async () => {
    const tap = tapped(600);
    await tap.round(662);
    wait(tap, 610, udp4(1));
    await tap.round(663);
    tap.tap.end();
    expect(tap.files.flatMap((kept) => kept!.window.map(short))).toEqual([
      '600-0.window',
      '600-1.window',
      '660-0.window',
    ]);
  });
});

describe('a disk that refuses', () => {
  let events: JournalEvent[];
  let refused: boolean;
  let volatile: string[];
  /** Reserves nothing in files on the disk while `refused`. */
  const mapper: PageMapper = {
    ...addon,
    memoryFile: (name) => {
      volatile.push(name);
      return addon.memoryFile(name);
    },
    reserveFile(fileDescriptor, bytes) {
      const isMemory = statSync(`/proc/self/fd/${fileDescriptor}`).dev !== statSync(folder).dev;
      if (refused && !isMemory) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      addon.reserveFile(fileDescriptor, bytes);
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
    expect(shortFiles()).toContain('840-0.ipv4-0');
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
    expect(shortFiles()).toEqual(['600-0.ipv4-0', '600-0.window', 'of-point.seen']);
    expect(volatile.length).toBe(1);
    tap.tap.end();
    expect(tap.closed[0]!.records.length).toBe(100);
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
    await syncTables({ folder });
    await tap.round(615);
    const seen = () => readFileSync(join(folder, `${KEY}.seen`));
    expect(absentSince(seen(), KEY, 'boot-1')).toBe(615);
    expect(absentSince(seen(), KEY, 'boot-2')).toBe(605);
    await tap.round(625);
    await syncTables({ folder });
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
    await expect(syncTables({ folder })).resolves.toBeUndefined();
  });

  test('fails where the folder is gone', async () => {
    await expect(syncTables({ folder: join(folder, 'gone') })).rejects.toThrow('ENOENT');
  });
});
