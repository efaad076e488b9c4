import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BATCHES_MAX, FileSink, type FileSinkOptions } from '../../../../agent/export/file/file-sink.ts';
import { PAIRS_MAX } from '../../../../agent/export/file/file-store.ts';
import { BATCHES_REMEMBERED, readManifest } from '../../../../agent/export/file/manifest.ts';
import { createFlowRecord } from '../../../../agent/model/flow-record.ts';
import { createLedger } from '../../../../agent/model/ledger.ts';
import { encodeBatches } from '../../../../agent/wire/flow-batch.ts';
import { cursorOver } from '../../../support/flow-records.ts';
import { complete, FailingDisk, namesIn, rowsIn } from '../../../support/output-files.ts';
import { BATCH_HEADER, batchOf as batchWith } from '../../../support/spool-batches.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const RECORDS = 4;
const MANIFEST = '.flowlogd.manifest';

/** A sink whose clock and timer the test turns. */
class World {
  readonly folder: string;
  nowMs = 1_700_000_100_000;
  timers: { afterMs: number; call: () => void }[] = [];

  constructor(folder = join(temporaryFolder(), 'flows')) {
    this.folder = folder;
  }

  sink(options: Partial<FileSinkOptions> = {}): FileSink {
    return new FileSink({
      folder: this.folder,
      format: 'ndjson',
      rotateMs: 300_000,
      rotateBytes: 64 * 1024 * 1024,
      ledgerLog: true,
      nowMs: () => this.nowMs,
      lock: undefined,
      timers: {
        now: () => this.nowMs,
        after: (afterMs, call) => {
          const timer = { afterMs, call };
          this.timers.push(timer);
          return () => {
            this.timers = this.timers.filter((each) => each !== timer);
          };
        },
      },
      ...options,
    });
  }
}

/** Of a window that needs no row of its own. */
const LEDGER = { ...createLedger([]), metered: { packets: 7, bytes: 420 } };
const batchOf = (part: number, records = RECORDS) => batchWith(part, records, LEDGER);

function batchOfFlowLog(flowLogId: string, fields: readonly string[] = [], firstPart = 0): Uint8Array {
  let batch = new Uint8Array(0);
  const cursor = cursorOver([{ ...createFlowRecord(), packets: 1, bytes: 60 }]);
  encodeBatches({ header: { ...BATCH_HEADER, flowLogId, fields }, cursor, ledger: LEDGER, firstPart }, (bytes) => {
    batch = bytes.slice();
  });
  return batch;
}

const modeOf = (path: string) => lstatSync(path).mode & 0o777;

describe('a sink of files', () => {
  test('has an accepted batch on the disk, in a file that says it is not complete, then in one that is', async () => {
    const world = new World();
    const sink = world.sink();
    expect(await sink.send(batchOf(0))).toEqual({ kind: 'accepted' });
    const [flows, ledger] = namesIn(world.folder);
    expect(flows).toMatch(/^20231114T221400Z_fl-1_[0-9A-F]{16}-0\.flows\.ndjson\.partial$/);
    expect(ledger).toBe(flows!.replace('.flows.', '.ledger.'));
    const lines = readFileSync(join(world.folder, flows!), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(RECORDS);
    expect(JSON.parse(lines[1]!)).toMatchObject({ srcaddr: '0.0.0.1', packets: 1, bytes: 60, 'interface-id': 'eni-1' });
    expect([modeOf(world.folder), modeOf(join(world.folder, flows!))]).toEqual([0o750, 0o640]);
    await sink.close();
    expect(namesIn(world.folder)).toEqual([flows, ledger].map((name) => name!.replace('.partial', '')));
    expect(rowsIn(world.folder, 'ledger')).toEqual([
      expect.objectContaining({ 'flow-log-id': 'fl-1', 'ledger-metered-packets': 7, start: 1_700_000_040 }),
    ]);
  });

  test('writes the names of the fields before the values, in each file, in the format text', async () => {
    const world = new World();
    for (const part of [0, 1]) {
      const sink = world.sink({ format: 'text', ledgerLog: false });
      await sink.send(batchOf(part, 1));
      await sink.close();
    }
    const texts = complete(world.folder).map((name) => readFileSync(join(world.folder, name), 'utf8'));
    expect(texts).toHaveLength(2);
    for (const text of texts) {
      expect(text.split('\n')).toEqual([
        expect.stringMatching(/^version account-id interface-id srcaddr /),
        expect.stringMatching(/^2 - eni-1 0\.0\.0\.0 0\.0\.0\.0 /),
        '',
      ]);
    }
    expect(complete(world.folder, 'ledger')).toEqual([]);
    expect(complete(world.folder)[0]).toMatch(/\.flows\.log$/);
  });

  test('completes a file by its age though no batch comes, by its size, and when the clock was set back', async () => {
    const world = new World();
    const sink = world.sink({ rotateBytes: 4096 });
    await sink.send(batchOf(0, 1));
    expect(complete(world.folder)).toHaveLength(0);
    expect(world.timers.map(({ afterMs }) => afterMs)).toEqual([300_000]);
    world.nowMs += 300_000;
    world.timers[0]!.call();
    await expect.poll(() => complete(world.folder).length).toBe(1);
    await sink.send(batchOf(1, 40));
    expect(complete(world.folder)).toHaveLength(2);
    await sink.send(batchOf(2, 1));
    world.nowMs -= 3_600_000;
    await sink.send(batchOf(3, 1));
    expect(complete(world.folder)).toHaveLength(3);
    await sink.close();
    expect(rowsIn(world.folder)).toHaveLength(1 + 40 + 1 + 1);
  });

  test('keeps flow logs and lists of fields apart, and so many files open at most', async () => {
    const world = new World();
    const sink = world.sink({ ledgerLog: false });
    await sink.send(batchOfFlowLog('fl-a'));
    await sink.send(batchOfFlowLog('../fl b'));
    await sink.send(batchOfFlowLog('fl-a', ['bytes'], 1));
    expect(namesIn(world.folder)).toHaveLength(3);
    expect(namesIn(world.folder).join()).toContain('_fl_b_');
    await Promise.all(Array.from({ length: PAIRS_MAX }, (_, index) => sink.send(batchOfFlowLog(`fl-${index}`))));
    expect(namesIn(world.folder).filter((name) => name.endsWith('.partial'))).toHaveLength(PAIRS_MAX);
    await sink.close();
    expect(rowsIn(world.folder)).toHaveLength(3 + PAIRS_MAX);
  });

  test('has a batch once that comes again, also after a restart, and refuses what is none', async () => {
    const world = new World();
    const sink = world.sink();
    const twice = [sink.send(batchOf(0)), sink.send(batchOf(0)), sink.send(Uint8Array.of(1, 2, 3))];
    const outcomes = await Promise.all([...twice, sink.send(batchOf(1))]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'poison', 'accepted']);
    await sink.close();
    const next = world.sink();
    expect(await next.send(batchOf(1))).toEqual({ kind: 'accepted' });
    await next.close();
    expect(rowsIn(world.folder)).toHaveLength(2 * RECORDS);
  });

  test('goes on in a folder that was moved away, and replaces no file of a batch that it has forgotten', async () => {
    const world = new World();
    const sink = world.sink();
    await sink.send(batchOf(0));
    renameSync(world.folder, `${world.folder}.old`);
    await sink.send(batchOf(1));
    await sink.close();
    expect(rowsIn(world.folder)).toHaveLength(RECORDS);
    writeFileSync(join(world.folder, MANIFEST), '');
    const forgetful = world.sink();
    await forgetful.send(batchOf(1));
    await forgetful.close();
    expect(
      complete(world.folder)
        .map((name) => /-1(-2)?\.flows/.exec(name)?.[0])
        .sort(),
    ).toEqual(['-1-2.flows', '-1.flows']);
  });
});

describe('what is in the way', () => {
  test('is no link above the folder, as systemd makes one of a directory for logs', async () => {
    const parent = temporaryFolder();
    mkdirSync(join(parent, 'private'));
    symlinkSync(join(parent, 'private'), join(parent, 'log'));
    const sink = new World(join(parent, 'log/flows')).sink();
    expect([await sink.probe(), await sink.send(batchOf(0))]).toEqual([{ kind: 'accepted' }, { kind: 'accepted' }]);
    await sink.close();
    expect(rowsIn(join(parent, 'private/flows'))).toHaveLength(RECORDS);
  });

  test('is told with what to do, and nothing is written through a link or where every user may', async () => {
    const parent = temporaryFolder();
    const real = join(parent, 'real');
    mkdirSync(real);
    symlinkSync(real, join(parent, 'link'));
    writeFileSync(join(parent, 'file'), '');
    mkdirSync(join(parent, 'open'));
    chmodSync(join(parent, 'open'), 0o777);
    for (const [name, reason] of [
      ['link', /link is a symbolic link, which is not followed: name the folder itself/],
      ['file', /file is no folder: name one, or remove it/],
      ['open', /open is world-writable: every user can replace what is in it; run chmod o-w/],
      ['file/below', /ENOTDIR: .*is no folder, or a part of its path is none/],
    ] as const) {
      const sink = new World(join(parent, name)).sink();
      for (const outcome of [await sink.probe(), await sink.send(batchOf(0))]) {
        expect(outcome).toMatchObject({ kind: 'blocked', reason: expect.stringMatching(reason) });
      }
      await sink.close();
    }
    expect(namesIn(real)).toEqual([]);
  });

  test('is a file that another user put in the place of one: no link is followed, and none of its bytes cut', async () => {
    for (const make of [symlinkSync, linkSync]) {
      const world = new World();
      const secret = join(world.folder, '../secret');
      writeFileSync(secret, 'a secret of another user');
      const killed = world.sink();
      await killed.send(batchOf(0));
      const [partial] = namesIn(world.folder).filter((name) => name.endsWith('.flows.ndjson.partial'));
      renameSync(join(world.folder, partial!), join(world.folder, 'taken'));
      make(secret, join(world.folder, partial!));
      const outcome = await world.sink().send(batchOf(1));
      expect(outcome).toMatchObject({
        kind: 'blocked',
        reason: expect.stringMatching(/is not the file that flowlogd made; remove it/),
      });
      expect(readFileSync(secret, 'utf8')).toBe('a secret of another user');
    }
  });

  test('is another that has the folder', async () => {
    const world = new World();
    const sink = world.sink({ lock: () => ({ kind: 'taken', holder: 'process 812 on web-1' }) });
    expect(await sink.send(batchOf(0))).toEqual({
      kind: 'blocked',
      reason: `${world.folder} is in use by process 812 on web-1: name another folder, or stop that`,
    });
    await sink.close();
  });

  test.each([
    ['ENOSPC', 'retry', /ENOSPC: no space left on the disk of .*: remove files that were shipped, or make room/],
    ['EDQUOT', 'retry', /EDQUOT: the disk quota is used up of .*: remove files/],
    ['EACCES', 'blocked', /EACCES: the user of flowlogd \(\d+\) lacks the right to write to .*ReadWritePaths=/],
    ['EROFS', 'blocked', /EROFS: .* is on a read-only file system: .*ReadWritePaths=/],
    ['EIO', 'retry', /EIO: writing to .* failed/],
  ])('is %s, which says what to do', async (code, kind, reason) => {
    const world = new World();
    const sink = world.sink({ openFolder: new FailingDisk(1, false, code).open });
    expect(await sink.send(batchOf(0))).toMatchObject({ kind, reason: expect.stringMatching(reason) });
    expect(await sink.send(batchOf(0))).toEqual({ kind: 'accepted' });
    await sink.close();
  });

  test('is a disk that fails once, at whichever operation: every batch is there once after it', async () => {
    for (let failAt = 1, isPassed = false; !isPassed; failAt++) {
      const world = new World();
      const disk = new FailingDisk(failAt, false, 'ENOSPC');
      const sink = world.sink({ openFolder: disk.open });
      let failures = 0;
      for (const part of [0, 1]) while ((await sink.send(batchOf(part))).kind !== 'accepted') failures++;
      expect(failures).toBeLessThanOrEqual(1);
      await sink.close();
      const next = world.sink();
      await next.send(batchOf(0));
      await next.close();
      expect(rowsIn(world.folder)).toHaveLength(2 * RECORDS);
      isPassed = failAt > disk.operations;
    }
  });

  test('is a manifest that is damaged before its end: nothing is cut', async () => {
    const world = new World();
    const sink = world.sink();
    await sink.send(batchOf(0));
    const path = join(world.folder, MANIFEST);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"batches"', '"batc'));
    const outcome = await world.sink().send(batchOf(1));
    expect(outcome).toMatchObject({
      kind: 'blocked',
      reason: expect.stringContaining('.flowlogd.manifest is invalid'),
    });
    expect(namesIn(world.folder).filter((name) => name.endsWith('.partial'))).toHaveLength(2);
    // A last line without its end is none.
    writeFileSync(path, `${text}{"batches":["half`);
    const next = world.sink();
    expect(await next.send(batchOf(1))).toEqual({ kind: 'accepted' });
    await next.close();
    await sink.close();
    expect(rowsIn(world.folder)).toHaveLength(2 * RECORDS);
  });
});

describe('a folder with files that are not complete', () => {
  /** As a kill leaves it, with a manifest that somebody then made into another. */
  async function leftWith(
    change: (text: string) => string | undefined,
  ): Promise<{ world: World; partials: () => string[] }> {
    const world = new World();
    const killed = world.sink();
    expect(await killed.send(batchOf(0))).toEqual({ kind: 'accepted' });
    const path = join(world.folder, MANIFEST);
    const changed = change(readFileSync(path, 'utf8'));
    if (changed === undefined) rmSync(path);
    else writeFileSync(path, changed);
    const partials = () =>
      namesIn(world.folder)
        .filter((name) => name.endsWith('.partial'))
        .map((name) => readFileSync(join(world.folder, name), 'utf8'));
    return { world, partials };
  }

  test.each<[string, (text: string) => string | undefined]>([
    ['missing', () => undefined],
    ['empty', () => ''],
    ['cut within its first line', (text) => text.slice(0, 7)],
    ['cut behind its first line', (text) => text.slice(0, text.indexOf('\n') + 1)],
    ['cut within its second line', (text) => text.slice(0, text.indexOf('\n') + 5)],
  ])('keeps all of them where the manifest is %s, and goes on once they were moved away', async (_, change) => {
    const { world, partials } = await leftWith(change);
    const before = partials();
    expect(before).toHaveLength(2);
    const sink = world.sink();
    for (let time = 0; time < 2; time++) {
      expect(await sink.send(batchOf(1))).toEqual({
        kind: 'blocked',
        reason: expect.stringMatching(
          /^the manifest \.flowlogd\.manifest is missing or cut short, so what was acknowledged of 2023.*\.partial is unknown: restore it, or move/,
        ),
      });
    }
    expect(partials()).toEqual(before);
    for (const name of namesIn(world.folder)) renameSync(join(world.folder, name), join(world.folder, '..', name));
    expect(await sink.send(batchOf(1))).toEqual({ kind: 'accepted' });
    await sink.close();
    expect(rowsIn(world.folder)).toHaveLength(RECORDS);
  });
});

test('a batch with a name that no record can have is poison, and the sink takes the next', async () => {
  const world = new World();
  for (const format of ['ndjson', 'text'] as const) {
    const sink = world.sink({ format });
    expect(await sink.send(batchWith(0, RECORDS, LEDGER, { interfaceId: 'i'.repeat(5000) }))).toEqual({
      kind: 'poison',
      reason: expect.stringMatching(/a name of a record has 50\d\d bytes/),
    });
    expect(await sink.send(batchOf(0))).toEqual({ kind: 'accepted' });
    await sink.close();
  }
});

describe('a manifest', () => {
  test('remembers so many batches, and names no file that leads elsewhere', () => {
    const batches = Array.from({ length: BATCHES_REMEMBERED + 5 }, (_, index) => `A-${index}`);
    const text = `{"flowlogd-files":1}\n${JSON.stringify({ batches })}\n`;
    expect(readManifest(text)?.batches.size).toBe(BATCHES_REMEMBERED);
    expect(readManifest(text)?.batches.has('A-4')).toBe(false);
    for (const line of [
      { pairs: [{ stem: '../etc', format: 'ndjson', flows: 1, ledger: 0 }] },
      { pairs: [{ stem: 'a', format: 'csv', flows: 1, ledger: 0 }] },
      { pairs: [{ stem: 'a', format: 'ndjson', flows: -1, ledger: 0 }] },
      { pairs: 1 },
      { batches: [1] },
      { complete: 1 },
      null,
    ]) {
      expect(() => readManifest(`{"flowlogd-files":1}\n${JSON.stringify(line)}\n`)).toThrow(
        /manifest is invalid \(line 2/,
      );
    }
    expect(() => readManifest('{"flowlogd-files":2}\n')).toThrow(/first line/);
  });
});

describe('over kills and losses of power', () => {
  test('every accepted batch is in complete files once, whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (kills, randoms) => {
          const random = () => randoms.next().value as number;
          const world = new World();
          const owed = new Set(Array.from({ length: 12 }, (_, part) => part));
          for (const failAt of kills) {
            const disk = new FailingDisk(failAt, true);
            const sink = world.sink({ openFolder: disk.open, rotateBytes: 3000 });
            const parts = [...owed].slice(0, BATCHES_MAX + 1);
            const outcomes = await Promise.all(parts.map((part) => sink.send(batchOf(part))));
            // What is accepted may come again: the agent is killed before it has forgotten it.
            for (const [index, { kind }] of outcomes.entries()) {
              if (kind === 'accepted' && random() < 0.7) owed.delete(parts[index]!);
            }
            await sink.close();
            disk.loseUnsynced(random);
          }
          const last = world.sink();
          for (const part of owed) expect(await last.send(batchOf(part))).toEqual({ kind: 'accepted' });
          await last.close();
          const next = world.sink();
          await next.send(batchOf(99, 0));
          await next.close();
          expect(rowsIn(world.folder)).toHaveLength(12 * RECORDS);
          expect(rowsIn(world.folder, 'ledger').length).toBe(13);
        },
      ),
      { numRuns: 25 },
    );
  });
});
