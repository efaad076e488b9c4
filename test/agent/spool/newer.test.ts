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
    bytesMax,
    quarantineBytesMax: 1024 ** 2,
    now: () => 1_700_000_000_000,
    lock: freeLock,
    events: { onDropping: () => {}, onDropped: () => {}, onQuarantined: () => {} },
  });
}

/** Makes a file that of the next layout, which nobody here knows. */
function raiseVersion(name: string): Buffer {
  const file = readFileSync(join(folder, name));
  file.writeUInt32LE(3, 8);
  file.fill(7, 12);
  writeFileSync(join(folder, name), file);
  return file;
}

const quarantined = () => readdirSync(join(folder, 'quarantine'));
const inFolder = (suffix: string) => readdirSync(folder).filter((name) => name.endsWith(suffix));

test('a file of a newer layout stays as it is, is passed by the others, and counts', async () => {
  const spool = open();
  const [first, second] = spool.writeAll([batchOf(0), batchOf(1)]);
  const file = raiseVersion(first!);
  await expect(spool.read(first!)).rejects.toMatchObject({ code: 'spool.newer', message: /version 3.*Install/ });
  spool.hold(first!);
  expect([spool.newer, spool.oldest(9), spool.backlog().batches]).toEqual([1, [second], 2]);
  expect([readFileSync(join(folder, first!)), quarantined()]).toEqual([file, []]);
  await spool.remove(first!);
  expect([spool.newer, spool.oldest(9)]).toEqual([0, [second]]);
});

test('over the bound the oldest goes whoever wrote it, and is counted as one of which nobody can say more', () => {
  const spool = open();
  const [first, second] = spool.writeAll([batchOf(0), batchOf(1)]);
  raiseVersion(first!);
  spool.close();
  const next = open(4096);
  expect(inFolder('.flows')).toEqual([second]);
  expect([next.counters.dropped.batches, next.counters.untold, quarantined()]).toEqual([1, 1, []]);
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
    await spool.quarantine(first!, 'test');
    spool.close();
    rmSync(join(folder, 'quarantine'), { recursive: true });
    const [report] = inFolder('.lost-open');
    change(report!);
    const before = readFileSync(join(folder, report!));
    const next = open();
    expect([next.newer, next.oldest(9), next.nextSequence]).toEqual([1, [], 1]);
    expect([readFileSync(join(folder, report!)), quarantined()]).toEqual([before, []]);
  },
);

function rewriteReport(name: string, change: Record<string, object>): void {
  const path = join(folder, name);
  const found = readSpoolFile(readFileSync(path));
  if (found.kind !== 'whole') throw new Error(found.kind);
  const report = JSON.parse(Buffer.from(found.payload).toString());
  for (const [member, more] of Object.entries(change)) Object.assign(report[member], more);
  const content = Buffer.from(JSON.stringify(report));
  writeFileSync(path, Buffer.concat([spoolHeader(content, 0), content]));
}
