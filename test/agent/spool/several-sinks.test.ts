/** One batch is one file, linked into the folder of every sink that owes it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLedger } from '../../../agent/model/ledger.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import type { Spool, SpoolOptions } from '../../../agent/spool/spool.ts';
import { SpoolWriter } from '../../../agent/spool/spool-writer.ts';
import { FlowBatchReader, splitBatch } from '../../../agent/wire/flow-batch-reader.ts';
import { CrashingDisk, fileSystemError } from '../../support/crashing-disk.ts';
import { freeLock } from '../../support/free-lock.ts';
import { openSpool } from '../../support/open-spool.ts';
import { batchOf, identityOf } from '../../support/spool-batches.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const BLOCK = 4096;

let folder: string;
let evicting: string[];
beforeEach(() => {
  folder = join(temporaryFolder(), 'spool');
  evicting = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function options(sinks: readonly string[], changes: Partial<SpoolOptions> = {}): SpoolOptions {
  return {
    disk: nodeDisk,
    folder,
    sinks,
    bytesMax: 1e9,
    quarantineBytesMax: 1e9,
    now: () => 1_700_000_060_000,
    lock: freeLock,
    events: { onEvicting: (reason) => evicting.push(reason), onEvicted: () => {}, onQuarantined: () => {} },
    ...changes,
  };
}

const open = (sinks = ['cls', 'other'], changes: Partial<SpoolOptions> = {}) => openSpool(options(sinks, changes));
const pathOf = (sink: string, ...names: readonly string[]) => join(folder, 'sinks', sink, ...names);
const linksOf = (sink: string, name: string) => statSync(pathOf(sink, name)).nlink;

async function identities(spool: Spool, sink: string): Promise<string[]> {
  const queue = spool.queue(sink);
  const found: string[] = [];
  for (const name of queue.oldest(99)) {
    const bytes = await queue.read(name);
    queue.release(name);
    if (bytes !== undefined && !name.endsWith('.lost')) found.push(identityOf(bytes));
  }
  return found;
}

function metered(packets: number) {
  return { ...createLedger([]), metered: { packets, bytes: 60 * packets } };
}

/** Packets that the loss report of a sink says were evicted, once it is closed. */
async function reportedTo(spool: Spool, sink: string): Promise<number | undefined> {
  const queue = spool.queue(sink);
  await queue.remove(queue.oldest(1)[0]!);
  const report = queue.oldest(99).find((name) => name.endsWith('.lost'));
  return report === undefined ? undefined : new FlowBatchReader((await queue.read(report))!).ledger!.evicted.packets;
}

test('a batch is one file with a name for every sink, and goes with the last acknowledgement', async () => {
  const spool = open();
  const [name] = spool.writeAll([batchOf(0)]);
  expect([linksOf('cls', name!), linksOf('other', name!)]).toEqual([2, 2]);
  expect(spool.backlog()).toEqual({ batches: 1, bytes: BLOCK });
  await spool.queue('cls').remove(name!);
  expect([existsSync(pathOf('cls', name!)), linksOf('other', name!)]).toEqual([false, 1]);
  expect(spool.backlog()).toEqual({ batches: 1, bytes: BLOCK });
  expect(await identities(spool, 'other')).toEqual(['0']);
  await spool.queue('other').remove(name!);
  expect(spool.backlog()).toEqual({ batches: 0, bytes: 0 });
});

test('what each sink owes is known after a restart, and each file counts once', async () => {
  const first = open();
  const names = first.writeAll([batchOf(0), batchOf(1), batchOf(2)]);
  await first.queue('cls').remove(names[0]!);
  await first.queue('other').remove(names[2]!);
  first.close();
  const spool = open();
  expect(await identities(spool, 'cls')).toEqual(['1', '2']);
  expect(await identities(spool, 'other')).toEqual(['0', '1']);
  expect(spool.backlog()).toEqual({ batches: 3, bytes: 3 * BLOCK });
  expect(spool.nextSequence).toBe(3);
});

test('a sink that cuts a batch, or quarantines it, does so for itself', async () => {
  const spool = open();
  const [cut, poison] = spool.writeAll([batchOf(0, 8, metered(8)), batchOf(1, 3, metered(3))]);
  await spool.queue('cls').replace(cut!, splitBatch(batchOf(0, 8, metered(8)))!);
  await spool.queue('cls').quarantine(poison!, 'refused');
  expect(await identities(spool, 'cls')).toEqual(['0.0', '0.1']);
  expect(await identities(spool, 'other')).toEqual(['0', '1']);
  expect(readdirSync(pathOf('cls', 'quarantine'))).toContain(poison);
  expect(readdirSync(pathOf('other', 'quarantine'))).toEqual([]);
  expect(await reportedTo(spool, 'cls')).toBe(3);
  expect(await reportedTo(spool, 'other')).toBeUndefined();
});

test('over the bound the oldest file goes for all that still owe it, and each of them gets a report', async () => {
  const spool = open(undefined, { bytesMax: 2 * BLOCK });
  const [first, second] = spool.writeAll([batchOf(0, 5, metered(5)), batchOf(1, 7, metered(7))]);
  await spool.queue('cls').remove(first!);
  spool.writeAll([batchOf(2), batchOf(3)]);
  expect(spool.backlog()).toEqual({ batches: 2, bytes: 2 * BLOCK });
  expect(evicting).toEqual(['bytes']);
  expect(existsSync(pathOf('cls', second!)) || existsSync(pathOf('other', second!))).toBe(false);
  expect(spool.queue('cls').counters.evicted).toMatchObject({ batches: 1, packets: 7 });
  expect(spool.queue('other').counters.evicted).toMatchObject({ batches: 2, packets: 12 });
  expect(spool.counters.evicted).toMatchObject({ batches: 2, packets: 12 });
  expect(await reportedTo(spool, 'cls')).toBe(7);
  expect(await reportedTo(spool, 'other')).toBe(12);
});

test('a batch in flight to one sink stays for all', async () => {
  const spool = open(undefined, { bytesMax: BLOCK });
  const [first] = spool.writeAll([batchOf(0)]);
  await spool.queue('other').read(first!);
  spool.writeAll([batchOf(1)]);
  expect(await identities(spool, 'cls')).toEqual(['0']);
  spool.queue('other').release(first!);
  spool.writeAll([batchOf(2)]);
  expect(await identities(spool, 'cls')).toEqual(['2']);
});

test('an acknowledgement makes room: nothing is evicted that the other sink alone owed before', async () => {
  const spool = open(undefined, { bytesMax: 2 * BLOCK });
  for (let part = 0; part < 10; part++) {
    const [name] = spool.writeAll([batchOf(part)]);
    for (const { sink } of spool.queues) await spool.queue(sink).remove(name!);
  }
  expect([spool.counters.evicted.batches, spool.backlog().bytes]).toEqual([0, 0]);
});

test('a sink that is added begins there, and one that is gone from the configuration keeps what it owes', async () => {
  open(['cls']).writeAll([batchOf(0)]);
  const both = open();
  both.writeAll([batchOf(1)]);
  expect(await identities(both, 'cls')).toEqual(['0', '1']);
  expect(await identities(both, 'other')).toEqual(['1']);
  const left = open(['other']);
  expect(left.queues.map(({ sink, isConfigured }) => [sink, isConfigured])).toEqual([
    ['other', true],
    ['cls', false],
  ]);
  const [, gone] = left.queues;
  expect(gone!.backlog().batches).toBe(2);
  left.writeAll([batchOf(2)]);
  expect(await identities(left, 'other')).toEqual(['1', '2']);
  expect(gone!.backlog().batches).toBe(2);
  expect(left.nextSequence).toBe(3);
});

test('the bound holds for what a sink owes that is gone from the configuration, too', () => {
  open().writeAll([batchOf(0), batchOf(1)]);
  const spool = open(['other'], { bytesMax: BLOCK });
  expect(spool.queues.map((queue) => queue.backlog().batches)).toEqual([1, 1]);
  expect(spool.backlog()).toEqual({ batches: 1, bytes: BLOCK });
});

test.each(['link', 'rename', 'syncFolder'] as const)(
  'a window whose commit fails at %s is in no folder of any sink',
  (operation) => {
    const disk = new CrashingDisk(1);
    const spool = open(undefined, { disk, folder: '/spool' });
    let left = operation === 'syncFolder' ? 1 : 3;
    disk.fault = (each, path) => {
      if (each === operation && --left === 0) throw fileSystemError('EIO', path);
    };
    expect(() => spool.writeAll([batchOf(0), batchOf(1), batchOf(2)])).toThrow(/spool/);
    expect(disk.paths().filter((path) => path.includes('.flows'))).toEqual([]);
  },
);

test('what a killed process had linked for a part of the sinks goes at the next start', async () => {
  open().close();
  const writer = new SpoolWriter({ disk: nodeDisk, folder, sinks: ['cls', 'other'], nextSequence: 0, now: () => 0 });
  writer.stage(batchOf(0));
  const name = '000000000000-000000000000.flows';
  nodeDisk.link(pathOf('cls', `${name}.tmp`), pathOf('other', name));
  const spool = open();
  expect([await identities(spool, 'cls'), await identities(spool, 'other')]).toEqual([[], []]);
  expect([readdirSync(pathOf('cls')), readdirSync(pathOf('other'))]).toEqual([['quarantine'], ['quarantine']]);
});

test('what a version without folders of sinks left goes to the first sink, its quarantine and loss reports, too', async () => {
  const earlier = open(['cls'], { bytesMax: 2 * BLOCK });
  earlier.writeAll([batchOf(0, 4, metered(4)), batchOf(1), batchOf(2)]);
  await earlier.queue('cls').quarantine(earlier.queue('cls').oldest(1)[0]!, 'refused');
  earlier.close();
  for (const name of readdirSync(pathOf('cls'))) renameSync(pathOf('cls', name), join(folder, name));
  rmSync(join(folder, 'sinks'), { recursive: true });
  writeFileSync(join(folder, '000000000009-000000000000.flows.tmp'), 'half');
  const spool = open();
  expect(await identities(spool, 'cls')).toEqual(['2']);
  expect(spool.queue('other').backlog().batches).toBe(0);
  expect([spool.quarantinedFiles, spool.nextSequence]).toEqual([1, 3]);
  expect(readdirSync(folder)).toEqual(['sinks']);
  expect(await reportedTo(spool, 'cls')).toBe(8);
});

test('a loss report of the same number from a version in between is not overwritten, and follows later', () => {
  mkdirSync(pathOf('cls'), { recursive: true });
  const report = '000000000000.lost-open';
  for (const path of [join(folder, report), pathOf('cls', report)]) writeFileSync(path, `of ${path}`);
  open().close();
  expect(readFileSync(join(folder, report), 'utf8')).toBe(`of ${join(folder, report)}`);
});

test('a folder of one sink that somebody deletes is made again', async () => {
  const spool = open();
  spool.writeAll([batchOf(0, 3)]);
  expect(spool.isInPlace).toBe(true);
  rmSync(pathOf('other'), { recursive: true });
  expect(spool.isInPlace).toBe(false);
  spool.reclaim();
  expect(spool.counters).toMatchObject({ vanished: 1, vanishedPackets: 3 });
  spool.writeAll([batchOf(1)]);
  expect(await identities(spool, 'cls')).toEqual(['0', '1']);
  expect(await identities(spool, 'other')).toEqual(['1']);
});
