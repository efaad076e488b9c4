import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import type { Spool } from '../../../agent/spool/spool.ts';
import { readSpoolFile, spoolHeader } from '../../../agent/spool/spool-file.ts';
import { freeLock } from '../../support/free-lock.ts';
import { openSpool } from '../../support/open-spool.ts';
import { batchOf } from '../../support/spool-batches.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowlogd-newer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(bytesMax = 1024 ** 3): Spool {
  return openSpool({
    disk: nodeDisk,
    folder,
    sinks: ['cls'],
    bytesMax,
    quarantineBytesMax: 1024 ** 2,
    now: () => 1_700_000_000_000,
    lock: freeLock,
    events: { onEvicting: () => {}, onEvicted: () => {}, onQuarantined: () => {} },
  });
}

const inSink = (...names: readonly string[]) => join(folder, 'sinks', 'cls', ...names);

/** Makes a file that of the next layout, which nobody here knows. */
function raiseVersion(name: string): Buffer {
  const file = readFileSync(inSink(name));
  file.writeUInt32LE(3, 8);
  file.fill(7, 12);
  writeFileSync(inSink(name), file);
  return file;
}

const quarantined = () => readdirSync(inSink('quarantine'));
const inFolder = (suffix: string) => readdirSync(inSink()).filter((name) => name.endsWith(suffix));

test('a file of a newer layout stays as it is, is passed by the others, and counts', async () => {
  const spool = open();
  const [first, second] = spool.writeAll([batchOf(0), batchOf(1)]);
  const file = raiseVersion(first!);
  await expect(spool.queue('cls').read(first!)).rejects.toMatchObject({
    code: 'spool.newer',
    message: /version 3.*Install/,
  });
  spool.queue('cls').hold(first!);
  expect([spool.newer, spool.queue('cls').oldest(9), spool.backlog().batches]).toEqual([1, [second], 2]);
  expect([readFileSync(inSink(first!)), quarantined()]).toEqual([file, []]);
  await spool.queue('cls').remove(first!);
  expect([spool.newer, spool.queue('cls').oldest(9)]).toEqual([0, [second]]);
});

test('over the bound the oldest goes whoever wrote it, and is counted as one of which nobody can say more', () => {
  const spool = open();
  const [first, second] = spool.writeAll([batchOf(0), batchOf(1)]);
  raiseVersion(first!);
  spool.close();
  const next = open(4096);
  expect(inFolder('.flows')).toEqual([second]);
  expect([next.counters.evicted.batches, next.counters.unaccounted, quarantined()]).toEqual([1, 1, []]);
});

test.each<[string, (path: string) => void]>([
  ['of a newer layout', (path) => void raiseVersion(path)],
  ['with a number that this version does not know', (path) => rewriteReport(path, { ledger: { lostInSpace: 5 } })],
  ['of an unknown resource type', (path) => rewriteReport(path, { header: { resourceType: 'MOON' } })],
])(
  'a loss report %s stays in its file for the version that wrote it, and its number is not used again',
  async (_, change) => {
    const spool = open();
    const [first] = spool.writeAll([batchOf(0)]);
    await spool.queue('cls').quarantine(first!, 'test');
    spool.close();
    rmSync(inSink('quarantine'), { recursive: true });
    const [report] = inFolder('.lost-open');
    change(report!);
    const before = readFileSync(inSink(report!));
    const next = open();
    expect([next.newer, next.queue('cls').oldest(9), next.nextSequence]).toEqual([1, [], 1]);
    expect([readFileSync(inSink(report!)), quarantined()]).toEqual([before, []]);
  },
);

function rewriteReport(name: string, change: Record<string, object>): void {
  const path = inSink(name);
  const found = readSpoolFile(readFileSync(path));
  if (found.kind !== 'whole') throw new Error(found.kind);
  const report = JSON.parse(Buffer.from(found.payload).toString());
  for (const [member, more] of Object.entries(change)) Object.assign(report[member], more);
  const content = Buffer.from(JSON.stringify(report));
  writeFileSync(path, Buffer.concat([spoolHeader(content, 0), content]));
}
