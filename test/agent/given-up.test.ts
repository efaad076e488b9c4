/** Spool and exporter together, while the service comes and goes, the spool is too small and files are damaged: nothing that was metered goes untold. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_BACKOFF } from '../../agent/export/backoff.ts';
import { EXPORTER_DEFAULTS, Exporter } from '../../agent/export/exporter.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import { createLedger } from '../../agent/model/ledger.ts';
import type { SendOutcome } from '../../agent/model/sink.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { CrashingDisk } from '../support/crashing-disk.ts';
import { FakeTimers, settled } from '../support/fake-timers.ts';
import { freeLock } from '../support/free-lock.ts';
import { openSpool } from '../support/open-spool.ts';
import { probeOpen, ROOMY } from '../support/sink-limits.ts';
import { batchOf } from '../support/spool-batches.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), records: fc.array(fc.nat(300), { minLength: 1, maxLength: 6 }) }),
  fc.record({ kind: fc.constant('damage' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('service' as const), answer: fc.constantFrom('accepted', 'retry', 'poison') }),
);

class Reader {
  records = 0;
  metered = 0;
  evicted = 0;
  answer = 'accepted';
  readonly description = 'a reader';
  readonly limits = ROOMY;
  readonly probe = probeOpen;

  async send(batch: Uint8Array): Promise<SendOutcome> {
    const reader = new FlowBatchReader(batch);
    const { ledger } = reader;
    const isAccount = reader.header.split.startsWith('lost-');
    if (this.answer === 'retry') return { kind: 'retry', reason: 'away' };
    if (this.answer === 'poison' && !isAccount) return { kind: 'poison', reason: 'refused' };
    for (const record = createFlowRecord(); reader.next(record); ) this.records += record.packets;
    this.metered += ledger?.metered.packets ?? 0;
    this.evicted += ledger?.evicted.packets ?? 0;
    return { kind: 'accepted' };
  }

  async close(): Promise<void> {}
}

test('packets of the records and packets given up are, in the end, what was metered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30, size: 'max' }),
      fc.integer({ min: 1, max: 8 }),
      async (steps, blocks) => {
        const disk = new CrashingDisk(1);
        const spool = openSpool({
          disk,
          folder: '/spool',
          sinks: ['cls'],
          bytesMax: blocks * 4096,
          quarantineBytesMax: 1e9,
          now: () => 1_700_000_000_000,
          lock: freeLock,
          events: { onEvicting: () => {}, onEvicted: () => {}, onQuarantined: () => {} },
        });
        const reader = new Reader();
        const timers = new FakeTimers();
        const events = {
          onState: () => {},
          onDelivered: () => {},
          onRejected: () => {},
          onQuarantined: () => {},
          onSplit: () => {},
          onNewer: () => {},
        };
        const options = {
          ...EXPORTER_DEFAULTS,
          store: spool.queue('cls'),
          sink: reader,
          timers,
          events,
          backoff: DEFAULT_BACKOFF,
        };
        const exporter = new Exporter({ ...options, random: () => 0.5 });
        let metered = 0;
        let part = 0;
        const write = (counts: readonly number[]) => {
          const ledgerOf = (packets: number) => ({ ...createLedger([]), metered: { packets, bytes: 0 } });
          spool.writeAll(counts.map((records) => batchOf(part++, records, ledgerOf(records))));
          metered += counts.reduce((sum, records) => sum + records, 0);
          exporter.wake();
        };
        /** Behind the label, where there are records at all. */
        const damage = (which: number) => {
          const waiting = disk.paths().filter((path) => /^\/spool\/sinks\/cls\/[^/]*\.flows$/.test(path));
          const path = waiting[which % waiting.length];
          if (path !== undefined) disk.damage(path, disk.size(path) - 1);
        };
        for (const one of steps) {
          if (one.kind === 'service') reader.answer = one.answer;
          else if (one.kind === 'damage') damage(one.which);
          else write(one.records);
          await settled();
          await timers.advance(100_000);
        }
        reader.answer = 'accepted';
        // Twice: an account that was closed first goes before the one that was summed up meanwhile.
        for (let last = 0; last < 2; last++) {
          write([1]);
          await timers.advance(1_000_000);
          await settled();
        }
        expect(spool.backlog().batches).toBe(0);
        expect([reader.metered, reader.records + reader.evicted]).toEqual([metered, metered]);
      },
    ),
    { numRuns: 60 },
  );
});
