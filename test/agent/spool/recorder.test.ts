import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { FLOW_LOG_DEFAULTS } from '../../../agent/model/flow-log.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger, logStatus, offeredPackets } from '../../../agent/model/ledger.ts';
import { firstPartOf, type RecordedWindow, Recorder, type RecorderOptions } from '../../../agent/spool/recorder.ts';
import { SPOOL_HEADER_BYTES } from '../../../agent/spool/spool-file.ts';
import { type SpoolEntry, SpoolWriter } from '../../../agent/spool/spool-writer.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { CrashingDisk, fileSystemError } from '../../support/crashing-disk.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { BATCH_HEADER } from '../../support/spool-batches.ts';

let disk: CrashingDisk;
let timers: { atMs: number; call: () => void }[];
let nowMs: number;
let log: string[];
/** Starts of the windows whose memory went, in order. */
let released: number[];
const releasedWindows = new WeakSet<RecordedWindow>();
/** Starts of the windows that nobody needs to remember. */
let forgotten: number[];
let spooled: SpoolEntry[];

beforeEach(() => {
  disk = new CrashingDisk(1);
  timers = [];
  nowMs = 0;
  log = [];
  released = [];
  forgotten = [];
  spooled = [];
});

function recorder(options: Partial<RecorderOptions> = {}): Recorder {
  return new Recorder({
    writer: new SpoolWriter({ disk, folder: '/spool', sinks: ['cls'], nextSequence: 0, now: () => 0 }),
    events: {
      onDurable(window, entries, records) {
        expect(releasedWindows.has(window)).toBe(false);
        spooled.push(...entries);
        log.push(`durable ${window.header.windowStart}: ${records} records in ${entries.length}`);
      },
      onState: (failure) => log.push(failure === undefined ? 'well again' : `failing: ${failure.code}`),
      onEvicted: (window) => log.push(`given up ${window.header.windowStart}`),
    },
    after(delayMs, call) {
      const timer = { atMs: nowMs + delayMs, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    heldWindowsMax: 4,
    heldBytesMax: 1000,
    ...options,
  });
}

function window(windowStart: number, records = 3, heldBytes = 10): RecordedWindow {
  const all = Array.from({ length: records }, (_, i) => ({
    ...createFlowRecord(),
    source0: i,
    packets: 2,
    bytes: 120,
  }));
  const self: RecordedWindow = {
    point: {
      flowLog: { ...FLOW_LOG_DEFAULTS, id: 'fl-1', accountId: '', windowSeconds: 60 },
      interfaceId: 'eni-1',
      interfaceName: 'eth0',
    },
    header: { ...BATCH_HEADER, windowStart },
    ledger: { ...createLedger(['dhcp']), metered: { packets: 2 * records, bytes: 120 * records } },
    heldBytes,
    firstPart: 0,
    records: () => cursorOver(all),
    forget: () => void forgotten.push(windowStart),
    release() {
      expect(releasedWindows.has(self)).toBe(false);
      releasedWindows.add(self);
      released.push(windowStart);
    },
  };
  return self;
}

function pass(ms: number): void {
  const until = nowMs + ms;
  for (;;) {
    const [next] = timers.filter(({ atMs }) => atMs <= until).sort((left, right) => left.atMs - right.atMs);
    if (next === undefined) break;
    timers = timers.filter((other) => other !== next);
    nowMs = next.atMs;
    next.call();
  }
  nowMs = until;
}

function fillDisk(): void {
  disk.fault = (operation, path) => {
    if (operation === 'create') throw fileSystemError('ENOSPC', path);
  };
}

function emptyDisk(): void {
  disk.fault = () => {};
}

/** What is durable now, in order. */
function batches(): FlowBatchReader[] {
  const paths = disk.paths().filter((path) => path.endsWith('.flows'));
  return paths.map((path) => new FlowBatchReader(disk.readNow(path).subarray(SPOOL_HEADER_BYTES)));
}

describe('a closed window', () => {
  test('is released only when all of its batches are durable', () => {
    const run = recorder({ recordsMax: 2 });
    run.add(window(60, 5));
    expect(log).toEqual(['durable 60: 5 records in 3']);
    expect(released).toEqual([60]);
    expect(spooled.map(({ name }) => `/spool/sinks/cls/${name}`)).toEqual(disk.paths());
    expect(batches().map(({ header, records, ledger }) => [header.part, records, ledger !== undefined])).toEqual([
      [0, 2, false],
      [1, 2, false],
      [2, 1, true],
    ]);
  });

  test('without records is one batch, so that its ledger travels', () => {
    recorder().add(window(60, 0));
    expect(batches().map(({ ledger }) => ledger && logStatus(ledger))).toEqual(['NODATA']);
  });

  test('that is a revision of a window has parts that no other revision has', () => {
    const run = recorder({ recordsMax: 2 });
    for (const revision of [0, 1, 2, 65_535]) run.add({ ...window(60, 3), firstPart: firstPartOf(revision) });
    const parts = batches().map(({ header }) => header.part);
    expect(parts).toEqual([0, 1, 65_536, 65_537, 131_072, 131_073, 4_294_901_760, 4_294_901_761]);
  });

  test('is forgotten once it is durable', () => {
    const run = recorder();
    fillDisk();
    run.add(window(60));
    expect(forgotten).toEqual([]);
    emptyDisk();
    pass(10_000);
    expect([forgotten, released]).toEqual([[60], [60]]);
  });
});

describe('a spool that cannot be written', () => {
  test('keeps windows waiting in order, says so once, and is tried again ever more slowly', () => {
    const run = recorder();
    fillDisk();
    run.add(window(60));
    run.add(window(120));
    expect([run.waiting, run.failure?.code, released.length]).toEqual([2, 'spool.unusable', 0]);
    pass(100_000);
    expect(run.counters.failures).toBe(15);
    emptyDisk();
    pass(10_000);
    expect(log).toEqual(
      ['failing: spool.unusable', 'durable 60: 3 records in 1', 'durable 120: 3 records in 1'].toSpliced(
        1,
        0,
        'well again',
      ),
    );
    expect([run.waiting, run.heldBytes, run.failure]).toEqual([0, 0, undefined]);
    expect(disk.paths().filter((path) => path.endsWith('.tmp'))).toEqual([]);
  });

  test('never writes half a window', () => {
    const run = recorder({ recordsMax: 1 });
    let creates = 0;
    disk.fault = (operation, path) => {
      if (operation === 'create' && ++creates % 3 === 0) throw fileSystemError('EIO', path);
    };
    run.add(window(60, 5));
    expect(disk.paths()).toEqual([]);
    emptyDisk();
    pass(1000);
    expect(batches().map(({ header }) => header.part)).toEqual([0, 1, 2, 3, 4]);
  });

  test.each([
    ['windows', { heldWindowsMax: 2 }],
    ['memory', { heldBytesMax: 20 }],
  ])('over the bound of %s makes the oldest give up its records, and its ledger says how many packets', (_, bound) => {
    const run = recorder(bound);
    fillDisk();
    for (const start of [60, 120, 180]) run.add(window(start));
    expect(log).toEqual(['failing: spool.unusable', 'given up 60']);
    expect([released, forgotten]).toEqual([[60], []]);
    expect([run.counters.windowsEvicted, run.counters.packetsEvicted, run.heldBytes]).toEqual([1, 6, 20]);
    emptyDisk();
    pass(1000);
    const [first, ...others] = batches();
    expect([first!.header.windowStart, first!.records]).toEqual([60, 0]);
    expect(first!.ledger).toMatchObject({ metered: { packets: 0 }, overflowed: { packets: 6, bytes: 360 } });
    expect(forgotten).toEqual([60, 120, 180]);
    expect(logStatus(first!.ledger!)).toBe('SKIPDATA');
    expect(others.map(({ header, records }) => [header.windowStart, records])).toEqual([
      [120, 3],
      [180, 3],
    ]);
  });

  test('a window larger than all memory that may be held is written when the disk is well, and given up when not', () => {
    const run = recorder({ heldBytesMax: 5 });
    run.add(window(60));
    fillDisk();
    run.add(window(120));
    expect(log).toEqual(['durable 60: 3 records in 1', 'failing: spool.unusable', 'given up 120']);
  });

  test('for days costs no more than thousands of bare ledgers', () => {
    const run = recorder();
    fillDisk();
    for (let start = 0; start < 6000; start++) run.add(window(start));
    expect(run.waiting).toBe(4096 + 4);
    expect(run.counters.ledgersMerged).toBe(6000 - 4100);
  });

  test('whatever fails and for how long, every packet is in a record or in a ledger', () => {
    const event = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('add' as const),
          records: fc.nat({ max: 9 }),
          revision: fc.boolean(),
        }),
      },
      fc.record({ kind: fc.constant('pass' as const), ms: fc.nat({ max: 5000 }) }),
      fc.record({
        kind: fc.constant('fail' as const),
        after: fc.nat({ max: 12 }),
        code: fc.constantFrom('ENOSPC', 'EIO', 'EMFILE'),
      }),
      fc.record({ kind: fc.constant('heal' as const) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.nat(), (events, seed) => {
        disk = new CrashingDisk(seed);
        timers = [];
        const run = recorder({ recordsMax: 2, heldWindowsMax: 2 });
        let start = 0;
        let revision = 0;
        let packets = 0;
        for (const one of events) {
          if (one.kind === 'add') {
            const next = window(start, one.records);
            // A further revision of the window before: the same identity, but for the part.
            revision = one.revision && start > 0 ? revision + 1 : 0;
            if (revision === 0) start += 60;
            packets += 2 * one.records;
            run.add({ ...next, header: { ...next.header, windowStart: start }, firstPart: firstPartOf(revision) });
          } else if (one.kind === 'pass') pass(one.ms);
          else if (one.kind === 'heal') emptyDisk();
          else {
            let operations = 0;
            disk.fault = (_, path) => {
              if (operations++ >= one.after) throw fileSystemError(one.code, path);
            };
          }
          expect(run.heldBytes).toBeLessThanOrEqual(20);
        }
        emptyDisk();
        pass(20_000);
        const all = batches();
        const identities = all.map(({ header }) => `${header.windowStart}/${header.part}`);
        expect(new Set(identities).size).toBe(identities.length);
        expect(all.reduce((sum, { ledger }) => sum + (ledger === undefined ? 0 : offeredPackets(ledger)), 0)).toBe(
          packets,
        );
        const lost = all.reduce((sum, { ledger }) => sum + (ledger?.overflowed.packets ?? 0), 0);
        expect(2 * all.reduce((sum, { records }) => sum + records, 0) + lost).toBe(packets);
        expect(lost).toBe(run.counters.packetsEvicted);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the end', () => {
  test('tries at once what waits and says that all is durable', async () => {
    const run = recorder();
    fillDisk();
    run.add(window(60));
    pass(30_000);
    emptyDisk();
    expect(await run.flush(5000)).toBe(true);
    expect(released).toEqual([60]);
    expect(timers).toEqual([]);
  });

  test('is bounded: when the disk stays full it says that something waits', async () => {
    const run = recorder();
    fillDisk();
    run.add(window(60));
    const flushed = run.flush(5000);
    pass(5000);
    expect(await flushed).toBe(false);
  });

  test('waits for a disk that comes back in time', async () => {
    const run = recorder();
    fillDisk();
    run.add(window(60));
    const flushed = run.flush(50_000);
    pass(1000);
    emptyDisk();
    pass(10_000);
    expect(await flushed).toBe(true);
    expect(timers).toEqual([]);
  });
});
