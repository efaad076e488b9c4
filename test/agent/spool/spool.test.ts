import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLedger, type Ledger, logStatus } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import type { HeldLock } from '../../../agent/spool/lock-file.ts';
import { Spool, type SpoolEvents, type SpoolOptions } from '../../../agent/spool/spool.ts';
import type { EvictedTotals } from '../../../agent/spool/spool-bounds.ts';
import { SPOOL_HEADER_BYTES } from '../../../agent/spool/spool-file.ts';
import { SpoolWriter } from '../../../agent/spool/spool-writer.ts';
import { encodeBatches, encodeHeader, encodeLedger } from '../../../agent/wire/flow-batch.ts';
import { FlowBatchReader, labelBytes, splitBatch } from '../../../agent/wire/flow-batch-reader.ts';
import { CrashingDisk, fileSystemError } from '../../support/crashing-disk.ts';
import { freeLock } from '../../support/free-lock.ts';
import { openSpool } from '../../support/open-spool.ts';
import { BATCH_HEADER, batchOf, identityOf } from '../../support/spool-batches.ts';
import { version1SpoolFile } from '../../support/version-1-spool-file.ts';

const BLOCK = 4096;

class Events implements SpoolEvents {
  readonly evicting: string[] = [];
  readonly evicted: EvictedTotals[] = [];
  readonly quarantined: string[] = [];
  onEvicting(reason: string): void {
    this.evicting.push(reason);
  }
  onEvicted(totals: EvictedTotals): void {
    this.evicted.push({ ...totals });
  }
  onQuarantined(name: string, reason: string): void {
    this.quarantined.push(`${name}: ${reason}`);
  }
}

let folder: string;
let events: Events;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowlogd-spool-'));
  events = new Events();
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(changes: Partial<SpoolOptions> = {}): Spool {
  return openSpool(options(changes));
}

function options(changes: Partial<SpoolOptions> = {}): SpoolOptions {
  return {
    disk: nodeDisk,
    folder: join(folder, 'spool'),
    sinks: ['cls'],
    bytesMax: 1e9,
    quarantineBytesMax: 1e9,
    now: () => 1_700_000_060_000,
    lock: freeLock,
    events,
    ...changes,
  };
}

/** In the folder of the sink. */
function inSink(...names: readonly string[]): string {
  return join(folder, 'spool', 'sinks', 'cls', ...names);
}

async function identities(spool: Spool): Promise<string[]> {
  const found = await Promise.all(
    spool
      .queue('cls')
      .oldest(1e6)
      .map((name) => readOnce(spool, name)),
  );
  return found.flatMap((bytes) => (bytes === undefined ? [] : [identityOf(bytes)]));
}

async function readOnce(spool: Spool, name: string): Promise<Uint8Array | undefined> {
  const bytes = await spool.queue('cls').read(name);
  spool.queue('cls').release(name);
  return bytes;
}

function metered(packets: number): Ledger {
  return { ...createLedger([]), metered: { packets, bytes: 60 * packets } };
}

/** What the spool's accounts say: headers and ledgers. */
async function accounts(spool: Spool): Promise<FlowBatchReader[]> {
  const names = spool
    .queue('cls')
    .oldest(1e6)
    .filter((name) => name.endsWith('.lost'));
  return Promise.all(names.map(async (name) => new FlowBatchReader((await spool.queue('cls').read(name))!)));
}

describe('batches on a real disk', () => {
  test('wait in order, byte for byte, over a restart, and new ones come after the old', async () => {
    const first = open();
    first.writeAll([batchOf(0), batchOf(1)]);
    first.close();
    const second = open();
    second.writeAll([batchOf(2)]);
    expect(second.queue('cls').oldest(2)).toEqual([
      '000000000000-001700000060.flows',
      '000000000001-001700000060.flows',
    ]);
    expect(await second.queue('cls').read(second.queue('cls').oldest(1)[0]!)).toEqual(Buffer.from(batchOf(0)));
    expect(await identities(second)).toEqual(['0', '1', '2']);
    expect(second.backlog()).toEqual({ batches: 3, bytes: 3 * BLOCK });
  });

  test('are gone once removed, and removing or reading what is gone is no error', async () => {
    const spool = open();
    const [name] = spool.writeAll([batchOf(0)]);
    await spool.queue('cls').remove(name!);
    await spool.queue('cls').remove(name!);
    expect(await spool.queue('cls').read(name!)).toBeUndefined();
    expect(spool.backlog()).toEqual({ batches: 0, bytes: 0 });
    expect(readdirSync(inSink())).toEqual(['quarantine']);
  });

  test('that were cut stand in the place of their whole, also when they are cut again', async () => {
    const spool = open();
    spool.writeAll([batchOf(0, 8), batchOf(1)]);
    await spool.queue('cls').replace(spool.queue('cls').oldest(1)[0]!, splitBatch(batchOf(0, 8))!);
    const [, second] = spool.queue('cls').oldest(2);
    await spool.queue('cls').replace(second!, splitBatch((await spool.queue('cls').read(second!))!)!);
    expect(await identities(spool)).toEqual(['0.0', '0.10', '0.11', '1']);
    spool.close();
    expect(await identities(open())).toEqual(['0.0', '0.10', '0.11', '1']);
  });

  test('come in through a writer of another thread', async () => {
    const spool = open();
    const writer = new SpoolWriter({
      disk: nodeDisk,
      folder: join(folder, 'spool'),
      sinks: ['cls'],
      nextSequence: spool.nextSequence,
      now: () => 0,
    });
    writer.stage(batchOf(0));
    writer.stage(batchOf(1));
    expect(spool.backlog().batches).toBe(0);
    spool.adopt(writer.commit());
    expect(await identities(spool)).toEqual(['0', '1']);
  });

  test('half written by a process that was killed are deleted at the next start', () => {
    open().close();
    writeFileSync(inSink('000000000007-001700000060.flows.tmp'), 'half');
    writeFileSync(inSink('notes.txt'), 'not ours');
    const spool = open();
    expect(spool.backlog().batches).toBe(0);
    expect(readdirSync(inSink()).sort()).toEqual(['notes.txt', 'quarantine']);
  });
});

describe('files of version 1', () => {
  /** As an earlier version left them: of what the batch says of its records there is nothing. */
  function unlabelled(part: number, packets: number): Uint8Array {
    const bytes = batchOf(part, packets, metered(packets));
    const { header, ledger } = new FlowBatchReader(bytes);
    const records = bytes.subarray(labelBytes(bytes));
    return Buffer.concat([encodeHeader(header), records, encodeLedger(ledger!)]);
  }

  beforeEach(() => {
    mkdirSync(join(folder, 'spool'));
    for (const part of [0, 1, 2]) {
      const name = `00000000000${part}-001700000060.flows`;
      writeFileSync(join(folder, 'spool', name), version1SpoolFile(unlabelled(part, 40)));
    }
  });

  test('are delivered', async () => {
    const spool = open();
    expect(await identities(spool)).toEqual(['0', '1', '2']);
    expect(spool.counters.damaged).toBe(0);
  });

  test('are told to the reader when they go over a bound, or are cut', async () => {
    const spool = open({ bytesMax: 2 * BLOCK });
    expect(spool.counters.evicted).toEqual({ batches: 1, records: 40, packets: 40, bytes: 2400 });
    const [second] = spool.queue('cls').oldest(1);
    await spool.queue('cls').replace(second!, splitBatch((await readOnce(spool, second!))!)!);
    expect(await identities(spool)).toEqual(['1.0', '1.1', '2']);
    flipByte(-1)(inSink(spool.queue('cls').oldest(1)[0]!));
    expect(await identities(spool)).toEqual(['1.1', '2']);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    expect((await accounts(spool))[0]!.ledger).toMatchObject({ metered: { packets: 40 }, evicted: { packets: 60 } });
  });
});

describe('damage', () => {
  test.each([
    [
      'a file cut short',
      (path: string) => truncateSync(path, 60),
      /should hold \d+ bytes of payload and holds 8.*unknown/,
    ],
    ['an empty file', (path: string) => truncateSync(path, 0), /too few for a header.*unknown/],
    ['a file of another program', (path: string) => writeFileSync(path, 'x'.repeat(99)), /does not begin/],
    ['a file with one other bit in its label', flipByte(60), /digest.*unknown/],
    ['a file whose version was changed', flipByte(9), /version was changed.*unknown/],
  ])('%s goes to the quarantine with its reason, and the others stay', async (_, spoil, reason) => {
    const spool = open();
    const [name] = spool.writeAll([batchOf(0), batchOf(1)]);
    spoil(inSink(name!));
    expect(await identities(spool)).toEqual(['1']);
    expect(readFileSync(inSink('quarantine', `${name}.reason.txt`), 'utf8')).toMatch(reason);
    expect(events.quarantined).toEqual([expect.stringMatching(reason)]);
    const { damaged, quarantined, unaccounted } = spool.counters;
    expect([damaged, quarantined, unaccounted, spool.quarantinedFiles]).toEqual([1, 1, 1, 1]);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    expect(await accounts(spool)).toEqual([]);
  });

  test.each([
    ['a file cut short in its records', (path: string) => truncateSync(path, statSync(path).size - 1)],
    ['a file whose last half is zeros', zeroLastHalf],
    ['a file with one other bit in its records', flipByte(-1)],
  ])('%s is told to the reader with what was in it', async (_, spoil) => {
    const spool = open();
    const [name] = spool.writeAll([batchOf(0, 40, metered(40)), batchOf(1, 3, metered(3))]);
    spoil(inSink(name!));
    expect(await identities(spool)).toEqual(['1']);
    expect([spool.counters.damaged, spool.counters.quarantined, spool.counters.unaccounted]).toEqual([1, 1, 0]);
    expect(events.quarantined).toEqual([expect.not.stringContaining('unknown')]);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const [account] = await accounts(spool);
    expect(account!.ledger).toMatchObject({ metered: { packets: 40 }, evicted: { packets: 40, bytes: 2400 } });
  });

  test.each([
    ['in its records', flipByte(-1), 0, 40],
    ['in its label', flipByte(60), 1, 0],
  ])(
    'a file that is damaged %s and has to go over a bound is told as far as it can be',
    async (_, spoil, unaccounted, reported) => {
      const spool = open({ bytesMax: 2 * BLOCK });
      const [name] = spool.writeAll([batchOf(0, 40, metered(40)), batchOf(1)]);
      spoil(inSink(name!));
      spool.writeAll([batchOf(2)]);
      expect(await identities(spool)).toEqual(['1', '2']);
      expect([spool.counters.unaccounted, spool.counters.evicted.packets, spool.quarantinedFiles]).toEqual([
        unaccounted,
        reported,
        unaccounted,
      ]);
    },
  );

  test('a batch over a bound is not given up while no file can be opened, for nobody would know what was in it', () => {
    const disk = new CrashingDisk(1);
    const spool = open({ disk, folder: '/spool', bytesMax: BLOCK });
    spool.writeAll([batchOf(0)]);
    disk.fault = (operation, path) => {
      if (operation === 'read') throw fileSystemError('EMFILE', path);
    };
    spool.writeAll([batchOf(1)]);
    expect([spool.backlog().batches, spool.counters.unaccounted]).toEqual([2, 0]);
    disk.fault = () => {};
    spool.sweep();
    expect([spool.backlog().batches, spool.counters.evicted.batches]).toEqual([1, 1]);
  });

  test('a batch over a bound whose blocks cannot be read any more goes to the quarantine', () => {
    const disk = new CrashingDisk(1);
    const spool = open({ disk, folder: '/spool', bytesMax: BLOCK });
    const [name] = spool.writeAll([batchOf(0)]);
    disk.fault = (operation, path) => {
      if (operation === 'read' && path.endsWith(name!)) throw fileSystemError('EIO', path);
    };
    spool.writeAll([batchOf(1)]);
    expect([spool.backlog().batches, spool.counters.unaccounted]).toEqual([1, 1]);
    expect(disk.paths()).toContain(`/spool/sinks/cls/quarantine/${name}`);
  });

  test('a batch of which only the label can be read waits, and is told when it has to go over a bound', async () => {
    const disk = new CrashingDisk(1);
    const { readNow } = disk;
    let label = 0;
    disk.readNow = (path, bytesMax = Number.POSITIVE_INFINITY) => {
      if (bytesMax > label && path.endsWith('.flows')) throw fileSystemError('EIO', path);
      return readNow.call(disk, path, bytesMax);
    };
    const spool = open({ disk, folder: '/spool', bytesMax: BLOCK });
    const batch = batchOf(0, 40, metered(40));
    label = SPOOL_HEADER_BYTES + labelBytes(batch);
    const [name] = spool.writeAll([batch]);
    await expect(readOnce(spool, name!)).rejects.toMatchObject({ code: 'spool.unusable' });
    spool.queue('cls').release(name!);
    expect(spool.queue('cls').oldest(1)).toEqual([name]);
    spool.writeAll([batchOf(1)]);
    expect(spool.counters).toMatchObject({ evicted: { batches: 1, packets: 40 }, damaged: 0, unaccounted: 0 });
  });

  test('a batch over a bound that somebody deleted is counted and forgotten', () => {
    const spool = open({ bytesMax: BLOCK });
    const [name] = spool.writeAll([batchOf(0)]);
    rmSync(inSink(name!));
    spool.writeAll([batchOf(1)]);
    expect([spool.counters.vanished, spool.counters.unaccounted, spool.backlog().batches]).toEqual([1, 0, 1]);
  });

  test('a file that somebody deleted is counted and forgotten', async () => {
    const spool = open();
    const [name] = spool.writeAll([batchOf(0)]);
    rmSync(inSink(name!));
    expect(await spool.queue('cls').read(name!)).toBeUndefined();
    expect([spool.counters.vanished, spool.backlog().batches]).toEqual([1, 0]);
  });

  test('the quarantine is bounded: its oldest files go first', async () => {
    const spool = open({ quarantineBytesMax: 2 * 2 * BLOCK });
    const names = spool.writeAll([batchOf(0), batchOf(1), batchOf(2)]);
    for (const name of names) await spool.queue('cls').quarantine(name, 'poison');
    const left = readdirSync(inSink('quarantine')).sort();
    expect(left).toEqual(names.slice(1).flatMap((name) => [name, `${name}.reason.txt`]));
    spool.close();
    expect(open({ quarantineBytesMax: 2 * BLOCK }).quarantinedFiles).toBe(1);
  });

  test('a name is not used again while a file of the quarantine has it', async () => {
    const spool = open();
    await spool.queue('cls').quarantine(spool.writeAll([batchOf(0)])[0]!, 'poison');
    spool.close();
    expect(open().nextSequence).toBe(1);
  });
});

function zeroLastHalf(path: string): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, bytes.length / 2));
}

/** Counted from the end where negative. */
function flipByte(at: number): (path: string) => void {
  return (path) => {
    const bytes = readFileSync(path);
    bytes[at < 0 ? bytes.length + at : at]! ^= 2;
    writeFileSync(path, bytes);
  };
}

describe('bounds', () => {
  test('over the bytes the oldest go first, counted, and said once an episode', async () => {
    const spool = open({ bytesMax: 10 * BLOCK });
    for (let part = 0; part < 13; part++) spool.writeAll([batchOf(part, 5)]);
    expect(await identities(spool)).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
    expect(events.evicting).toEqual(['bytes']);
    expect(events.evicted).toEqual([]);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const totals = { batches: 3, records: 15, packets: 15, bytes: 900 };
    expect(events.evicted).toEqual([totals]);
    expect(spool.counters.evicted).toEqual(totals);
    spool.writeAll([batchOf(13), batchOf(14)]);
    expect(events.evicting).toEqual(['bytes', 'bytes']);
  });

  test('a bound that was lowered holds from the start', async () => {
    const spool = open();
    spool.writeAll([batchOf(0), batchOf(1), batchOf(2)]);
    spool.close();
    expect(await identities(open({ bytesMax: 2 * BLOCK }))).toEqual(['1', '2']);
  });

  test('batches that waited longer than they may are evicted', async () => {
    let now = 1_700_000_000_000;
    const spool = open({ now: () => now, ageSecondsMax: 3600 });
    spool.writeAll([batchOf(0)]);
    now += 1_800_000;
    spool.writeAll([batchOf(1)]);
    now += 1_801_000;
    spool.sweep();
    expect(await identities(spool)).toEqual(['1']);
    expect(events.evicting).toEqual(['age']);
  });

  test('never is more kept than may be, and never is more evicted than must be', () => {
    const writes = fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 3 }), {
      maxLength: 10,
    });
    fc.assert(
      fc.property(writes, fc.integer({ min: 1, max: 12 }), (windows, blocks) => {
        const spool = open({ disk: new CrashingDisk(1), bytesMax: blocks * BLOCK });
        let part = 0;
        let expected: { name: string; bytes: number }[] = [];
        for (const window of windows) {
          const batches = window.map((records) => batchOf(part++, records));
          const names = spool.writeAll(batches);
          expected.push(
            ...names.map((name, i) => ({
              name,
              bytes: Math.ceil((SPOOL_HEADER_BYTES + batches[i]!.length) / BLOCK) * BLOCK,
            })),
          );
          const sum = () => expected.reduce((total, { bytes }) => total + bytes, 0);
          while (sum() > blocks * BLOCK) expected = expected.slice(1);
          expect(spool.queue('cls').oldest(1e6)).toEqual(expected.map(({ name }) => name));
          expect(spool.backlog().bytes).toBe(sum());
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('what is given up', () => {
  const write = (spool: Spool, part: number) => spool.writeAll([batchOf(part, 5, metered(5))]);

  test('is told to the reader once the service takes batches again: one account, with the ledgers that went', async () => {
    const spool = open({ bytesMax: 3 * BLOCK });
    for (let part = 0; part < 8; part++) write(spool, part);
    expect(await accounts(spool)).toEqual([]);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const [account, ...others] = await accounts(spool);
    expect(others).toEqual([]);
    expect(account!.records).toBe(0);
    expect(account!.header).toMatchObject({ ...BATCH_HEADER, split: 'lost-000000000000' });
    expect(account!.ledger).toMatchObject({ metered: { packets: 25 }, evicted: { packets: 25, bytes: 1500 } });
    expect(logStatus(account!.ledger!)).toBe('SKIPDATA');
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    expect([await accounts(spool), readdirSync(inSink()).some((name) => name.includes('lost'))]).toEqual([[], false]);
  });

  test('stands for all windows that it touches', async () => {
    const spool = open({ bytesMax: BLOCK });
    const early = batchOf(0);
    spool.writeAll([early, windowed(1_700_000_640), windowed(1_700_000_400), batchOf(3)]);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const [account] = await accounts(spool);
    expect(account!.header).toMatchObject({ windowStart: 1_700_000_040, windowSeconds: 660 });
  });

  test('outlives a kill, sent or not, and goes on being summed up', async () => {
    open({ bytesMax: 2 * BLOCK }).writeAll([batchOf(0), batchOf(1), batchOf(2)]);
    const second = open({ bytesMax: 2 * BLOCK });
    write(second, 3);
    await second.queue('cls').remove(second.queue('cls').oldest(1)[0]!);
    const [before] = await accounts(second);
    const third = open({ bytesMax: 2 * BLOCK });
    const [after] = await accounts(third);
    expect(after!.header).toEqual(before!.header);
    expect(after!.ledger).toEqual(before!.ledger);
    expect(after!.ledger!.evicted.packets).toBe(4 + 4);
    expect(third.nextSequence).toBe(4);
  });

  test('after an account was closed has another, with another identity', async () => {
    const spool = open({ bytesMax: 2 * BLOCK });
    for (let part = 0; part < 3; part++) write(spool, part);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    for (let part = 3; part < 6; part++) write(spool, part);
    expect((await accounts(spool)).length).toBe(1);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const [second] = await accounts(spool);
    expect(second!.header.split).toBe('lost-000000000002');
    expect(second!.ledger!.evicted.packets).toBe(10);
  });

  test('is never a batch that is on its way', async () => {
    const spool = open({ bytesMax: 2 * BLOCK });
    write(spool, 0);
    const [lent] = spool.queue('cls').oldest(1);
    await spool.queue('cls').read(lent!);
    for (let part = 1; part < 4; part++) write(spool, part);
    expect(spool.queue('cls').oldest(9)).toEqual([lent, expect.stringMatching('000000000003')]);
    spool.queue('cls').release(lent!);
    write(spool, 4);
    expect(spool.queue('cls').oldest(9)).toEqual([
      expect.stringMatching('000000000003'),
      expect.stringMatching('000000000004'),
    ]);
  });

  test('includes what the service can never accept, but not an account that it refuses', async () => {
    const spool = open();
    const [name, next] = [write(spool, 0), write(spool, 1)].flat();
    await spool.queue('cls').quarantine(name!, 'poison');
    await spool.queue('cls').remove(next!);
    const [account] = await accounts(spool);
    expect(account!.ledger!.evicted).toEqual({ packets: 5, bytes: 300 });
    expect(readdirSync(inSink('quarantine'))).toContain(name);
    await spool.queue('cls').quarantine(spool.queue('cls').oldest(1)[0]!, 'poison');
    expect([spool.backlog().batches, spool.counters.quarantined]).toEqual([0, 2]);
  });

  test('is known in memory where the disk has no room to write it down, and written when it has', async () => {
    const disk = new CrashingDisk(1);
    const spool = open({ disk, folder: '/spool', bytesMax: 2 * BLOCK });
    for (let part = 0; part < 2; part++) write(spool, part);
    let isFull = true;
    disk.fault = (operation, path) => {
      if (isFull && operation === 'create' && path.includes('lost')) throw fileSystemError('ENOSPC', path);
    };
    write(spool, 2);
    expect(spool.backlog().batches).toBe(2);
    isFull = false;
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    expect((await accounts(spool))[0]!.ledger!.evicted.packets).toBe(5);
    expect(disk.paths()).toContain('/spool/sinks/cls/000000000000.lost');
  });

  test('is set aside when its file is damaged', () => {
    const spool = open({ bytesMax: BLOCK });
    for (let part = 0; part < 2; part++) write(spool, part);
    spool.close();
    flipByte(60)(inSink('000000000000.lost-open'));
    const next = open();
    expect(next.counters).toMatchObject({ damaged: 1, quarantined: 1, unaccounted: 1 });
    expect(events.quarantined).toEqual([expect.stringMatching(/^000000000000\.lost-open: .*unknown$/)]);
  });

  function windowed(windowStart: number): Uint8Array {
    let batch = new Uint8Array(0);
    const cursor = { next: () => false };
    encodeBatches({ header: { ...BATCH_HEADER, windowStart }, cursor, ledger: metered(0) }, (bytes) => {
      batch = bytes.slice();
    });
    return batch;
  }
});

describe('a disk that refuses', () => {
  test.each(['ENOSPC', 'EIO', 'EROFS', 'EMFILE'])(
    '%s fails the write in a sentence and leaves nothing; later all is well',
    async (code) => {
      const disk = new CrashingDisk(1);
      const spool = open({ disk, folder: '/spool' });
      spool.writeAll([batchOf(0)]);
      const before = disk.paths();
      let creates = 0;
      disk.fault = (operation, path) => {
        if (operation === 'create' && ++creates > 2) throw fileSystemError(code, path);
      };
      expect(() => spool.writeAll([batchOf(1), batchOf(2), batchOf(3)])).toThrow(
        expect.objectContaining({
          code: 'spool.unusable',
          message: expect.stringMatching(/^Working in the spool \/spool failed: .*; .*\.$/),
        }),
      );
      expect(disk.paths()).toEqual(before);
      disk.fault = () => {};
      spool.writeAll([batchOf(4)]);
      expect(await identities(spool)).toEqual(['0', '4']);
    },
  );

  test('a batch that cannot be read now stays, and is no damage', async () => {
    const disk = new CrashingDisk(1);
    const spool = open({ disk, folder: '/spool' });
    const [name] = spool.writeAll([batchOf(0)]);
    disk.fault = () => {
      throw fileSystemError('EIO', name!);
    };
    await expect(spool.queue('cls').read(name!)).rejects.toMatchObject({ code: 'spool.unusable' });
    await expect(spool.queue('cls').remove(name!)).rejects.toMatchObject({ code: 'spool.unusable' });
    disk.fault = () => {};
    expect(await identities(spool)).toEqual(['0']);
  });

  test('a full disk does not keep the spool from opening', () => {
    const disk = new CrashingDisk(1);
    disk.fault = (operation, path) => {
      if (operation === 'create') throw fileSystemError('ENOSPC', path);
    };
    expect(open({ disk, folder: '/spool' }).backlog().batches).toBe(0);
  });
});

describe('opening', () => {
  test('a folder that cannot be made is an operational failure', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => open({ folder: join(folder, 'file', 'spool') })).toThrow(
      expect.objectContaining({ code: 'spool.unusable' }),
    );
    expect(existsSync(join(folder, 'spool'))).toBe(false);
  });

  test('a folder that cannot be read now is read anew from its beginning', () => {
    const disk = new CrashingDisk(1);
    open({ disk, folder: '/spool' }).writeAll([batchOf(0), batchOf(1)]);
    const spool = Spool.open(options({ disk, folder: '/spool' }));
    disk.fault = (operation, path) => {
      if (operation === 'syncFolder') throw fileSystemError('EIO', path);
    };
    const readAll = () => {
      while (spool.readSome());
    };
    expect(readAll).toThrow(expect.objectContaining({ code: 'spool.unusable' }));
    expect([spool.isListed, spool.backlog().batches]).toEqual([false, 0]);
    disk.fault = () => {};
    readAll();
    expect([spool.isListed, spool.backlog().batches, spool.nextSequence]).toEqual([true, 2, 2]);
  });
});

describe('the index of a spool that an earlier run left', () => {
  const FILES = 1000;
  let spool: Spool;
  beforeEach(() => {
    const earlier = open();
    earlier.writeAll(Array.from({ length: FILES }, (_, part) => batchOf(part)));
    earlier.close();
    spool = Spool.open(options());
    while (!spool.isListed) spool.readSome();
  });

  test('knows order and the next number before any size, and gives out and takes batches meanwhile', async () => {
    expect([spool.unmeasured, spool.backlog().batches, spool.backlog().bytes]).toEqual([FILES, FILES, 0]);
    expect(spool.nextSequence).toBe(FILES);
    const [name] = spool.queue('cls').oldest(1);
    expect(identityOf((await spool.queue('cls').read(name!))!)).toBe('0');
    await spool.queue('cls').remove(name!);
    spool.writeAll([batchOf(FILES)]);
    expect(
      spool
        .queue('cls')
        .oldest(1e6)
        .map((each) => Number(each.slice(0, 12))),
    ).toEqual(Array.from({ length: FILES }, (_, index) => index + 1));
    while (spool.readSome());
    expect([spool.unmeasured, spool.backlog()]).toEqual([0, { batches: FILES, bytes: FILES * BLOCK }]);
  });

  test('is read in steps, each of a few hundred files', () => {
    let left = FILES;
    while (spool.readSome()) {
      expect(left - spool.unmeasured).toBeLessThanOrEqual(256);
      left = spool.unmeasured;
    }
    expect(spool.unmeasured).toBe(0);
  });

  test('keeps the bound while sizes are unknown: what is known to be over it goes, the oldest first', () => {
    spool.close();
    const bounded = Spool.open(options({ bytesMax: 300 * BLOCK }));
    while (!bounded.isListed) bounded.readSome();
    bounded.writeAll([batchOf(FILES)]);
    expect(bounded.counters.evicted.batches).toBe(0);
    while (bounded.readSome()) expect(bounded.backlog().bytes).toBeLessThanOrEqual(300 * BLOCK);
    expect(bounded.backlog()).toEqual({ batches: 300, bytes: 300 * BLOCK });
    expect(bounded.queue('cls').oldest(1)[0]).toMatch(/^000000000701-/);
    expect(bounded.counters.evicted.batches).toBe(FILES + 1 - 300);
  });

  test('evicts no newer batch while an older one of unknown size is there', () => {
    spool.close();
    const bounded = Spool.open(options({ bytesMax: 2 * BLOCK }));
    while (!bounded.isListed) bounded.readSome();
    for (let part = FILES; part < FILES + 3; part++) bounded.writeAll([batchOf(part)]);
    expect(
      bounded
        .queue('cls')
        .oldest(1e6)
        .map((name) => Number(name.slice(0, 12))),
    ).toEqual([FILES + 1, FILES + 2]);
    expect(bounded.counters.evicted.batches).toBe(FILES + 1);
  });

  test('notices files that somebody deleted meanwhile', async () => {
    for (const name of spool.queue('cls').oldest(10)) rmSync(inSink(name));
    while (spool.readSome());
    expect(spool.counters.vanished).toBe(10);
    expect(spool.backlog().batches).toBe(FILES - 10);
  });
});

describe('a folder that somebody deletes while the spool is open', () => {
  const path = (...names: readonly string[]) => join(folder, 'spool', ...names);
  /** In place as long as the folder is the one that was locked. */
  const lock = (): HeldLock => {
    const { ino } = statSync(path());
    return {
      kind: 'held',
      get isInPlace() {
        return statSync(path(), { throwIfNoEntry: false })?.ino === ino;
      },
      release: () => undefined,
    };
  };

  test('is taken anew, and what was pending has vanished: its packets are known where this run wrote it', async () => {
    open({ lock }).writeAll([batchOf(0, 3)]);
    const spool = open({ lock });
    spool.writeAll([batchOf(1, 4), batchOf(2, 5)]);
    expect(spool.isInPlace).toBe(true);
    rmSync(path(), { recursive: true });
    expect(spool.isInPlace).toBe(false);
    spool.reclaim();
    expect(spool.isInPlace).toBe(true);
    expect(spool.counters).toMatchObject({ vanished: 3, vanishedPackets: 9, vanishedUnaccounted: 1 });
    expect(spool.backlog()).toEqual({ batches: 0, bytes: 0 });
    spool.writeAll([batchOf(3)]);
    expect(await identities(spool)).toEqual(['3']);
    expect(spool.queue('cls').oldest(1)[0]).toMatch(/^000000000003-/);
  });

  test('notices batches that were deleted, though nobody asks for them', async () => {
    const spool = open({ lock });
    const names = spool.writeAll([batchOf(0, 2), batchOf(1, 3), batchOf(2, 4), batchOf(3, 5)]);
    spool.noticeDeleted();
    expect(spool.counters.vanished).toBe(0);
    await spool.queue('cls').read(names[0]!);
    for (const name of names.slice(0, 3)) rmSync(inSink(name));
    spool.noticeDeleted();
    expect(spool.counters).toMatchObject({ vanished: 2, vanishedPackets: 7, vanishedUnaccounted: 0 });
    expect(spool.backlog().batches).toBe(2);
  });

  test('keeps what is on its way to the service, until that is known to be lost', async () => {
    const spool = open({ lock });
    const [name] = spool.writeAll([batchOf(0, 3)]);
    await spool.queue('cls').read(name!);
    rmSync(path(), { recursive: true });
    spool.reclaim();
    expect(spool.counters.vanished).toBe(0);
    spool.queue('cls').release(name!);
    expect(await spool.queue('cls').read(name!)).toBeUndefined();
    expect(spool.counters).toMatchObject({ vanished: 1, vanishedPackets: 3 });
  });

  test('brings what is in the folder that took its place', async () => {
    const spool = open({ lock });
    spool.writeAll([batchOf(0), batchOf(1)]);
    renameSync(path(), path('..', 'kept'));
    mkdirSync(path());
    spool.reclaim();
    rmSync(path(), { recursive: true });
    renameSync(path('..', 'kept'), path());
    spool.reclaim();
    expect(await identities(spool)).toEqual(['0', '1']);
    expect(spool.backlog().bytes).toBe(2 * BLOCK);
  });

  test('has its loss reports again, which are sent as if nothing had been', async () => {
    const spool = open({ lock, bytesMax: BLOCK });
    for (let part = 0; part < 3; part++) spool.writeAll([batchOf(part, 4)]);
    rmSync(path(), { recursive: true });
    spool.reclaim();
    expect(readdirSync(inSink()).sort()).toEqual(['000000000000.lost-open', 'quarantine']);
    spool.writeAll([batchOf(3)]);
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const [report] = spool.queue('cls').oldest(1);
    expect(report).toBe('000000000000.lost');
    expect(new FlowBatchReader((await spool.queue('cls').read(report!))!).ledger!.evicted.packets).toBe(8);
  });

  test('is asked for again where another process has it', () => {
    let isTaken = false;
    const taken = () => {
      if (isTaken) throw new OperationalError('instance.running', 'in use');
      return lock();
    };
    const spool = open({ lock: taken });
    spool.writeAll([batchOf(0)]);
    rmSync(path(), { recursive: true });
    isTaken = true;
    expect(() => spool.reclaim()).toThrow(expect.objectContaining({ code: 'instance.running' }));
    isTaken = false;
    spool.reclaim();
    expect(spool.counters.vanished).toBe(1);
  });
});
