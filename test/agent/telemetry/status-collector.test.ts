import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLedger, GAP_REASONS, type Ledger, logStatus } from '../../../agent/model/ledger.ts';
import { LAST_WINDOWS } from '../../../agent/telemetry/interface-collector.ts';
import type { LedgerStatus } from '../../../agent/telemetry/ledger-sum.ts';
import { PROBLEM_CODES } from '../../../agent/telemetry/problems.ts';
import { readinessOf } from '../../../agent/telemetry/readiness.ts';
import { SILENT_LOOKS_MAX } from '../../../agent/telemetry/status-collector.ts';
import {
  ETH0,
  observationPoint,
  plainLedger,
  RECORDER,
  START_SECONDS,
  StatusWorld,
  spoolSink,
  VARIED_LOST,
  VARIED_OFFERED,
  VARIED_PEERS,
  variedLedger,
  WINDOW_SECONDS,
} from '../../support/agent-status.ts';
import { excludedPeers, ledgerNumbers } from '../../support/flow-records.ts';

/** The right side of the equation, from what the status shows and nothing else. */
function rightSide(ledger: LedgerStatus): number {
  const { metered, excluded, notIp, malformed, overflowed, droppedByKernel, droppedByInterface } = ledger;
  const tallies = [metered, notIp, malformed, overflowed, ...Object.values(excluded)];
  return tallies.reduce((sum, { packets }) => sum + packets, droppedByKernel + droppedByInterface);
}

const tally = fc.record({ packets: fc.nat(1_000_000), bytes: fc.nat(1_000_000_000) });
const arbitraryLedger: fc.Arbitrary<Ledger> = fc.record({
  ...ledgerNumbers({ tally, count: fc.nat(1000), flag: fc.boolean() }),
  excluded: fc.dictionary(fc.constantFrom('dhcp', 'dhcpv6', 'backup'), tally, { noNullPrototype: true }),
  excludedPeers: fc.dictionary(fc.constantFrom('dhcp', 'dhcpv6', 'backup'), excludedPeers, { noNullPrototype: true }),
  gaps: fc.array(
    fc.record({
      fromSeconds: fc.nat(10),
      toSeconds: fc.integer({ min: 11, max: 20 }),
      reason: fc.constant('interface-gone' as const),
    }),
    { maxLength: 3 },
  ),
});

describe('the ledger of the status', () => {
  test('keeps the equation for every window and for their sum, whatever closes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(15), arbitraryLedger), { maxLength: 30 }), (closed) => {
        const world = new StatusWorld();
        let offered = 0;
        for (const [window, ledger] of closed) {
          world.close(window, ledger);
          offered += rightSide({ ...ledger, offeredPackets: 0, lostPackets: 0, gapSeconds: {} });
        }
        const [eth0] = world.collector.read().interfaces;
        expect(eth0!.ledger.offeredPackets).toBe(offered);
        for (const ledger of [eth0!.ledger, ...eth0!.lastWindows.map((window) => window.ledger)]) {
          expect(ledger.offeredPackets).toBe(rightSide(ledger));
        }
        const counts = { OK: 0, NODATA: 0, SKIPDATA: 0 };
        for (const [, ledger] of closed) counts[logStatus(ledger)]++;
        expect(eth0!.windows).toEqual(counts);
      }),
    );
  });

  test('shows each part where it belongs', () => {
    const world = new StatusWorld();
    world.close(0, variedLedger(), 99);
    const [eth0] = world.collector.read().interfaces;
    expect(eth0!.ledger).toEqual({
      offeredPackets: VARIED_OFFERED,
      lostPackets: VARIED_LOST,
      metered: { packets: 1000, bytes: 100_000 },
      coarsened: { packets: 7, bytes: 700 },
      coarsenedKeys: 5,
      rejected: { packets: 29, bytes: 2900 },
      rejectsUnmatched: { packets: 31, bytes: 3100 },
      rejectsLost: 37,
      beforeAttach: 41,
      excluded: { dhcp: { packets: 3, bytes: 300 }, 'back"up': { packets: 5, bytes: 500 } },
      excludedPeers: { dhcp: VARIED_PEERS },
      notIp: { packets: 11, bytes: 1100 },
      malformed: { packets: 13, bytes: 1300 },
      overflowed: { packets: 17, bytes: 1700 },
      droppedByKernel: 19,
      droppedByInterface: 23,
      dropsUnknown: false,
      gapSeconds: Object.fromEntries(GAP_REASONS.map((reason) => [reason, 0])),
    });
    expect(eth0).toMatchObject({ records: 99, windows: { OK: 0, NODATA: 0, SKIPDATA: 1 } });
  });

  test('belongs to the interface whose window it was', () => {
    const eth1 = observationPoint('eth1');
    const world = new StatusWorld([ETH0, eth1]);
    world.close(0, plainLedger(5), 1, eth1);
    world.close(0, plainLedger(8), 1, observationPoint('unknown'));
    const offered = world.collector.read().interfaces.map(({ ledger }) => ledger.offeredPackets);
    expect(offered).toEqual([0, 5]);
  });

  test('is not changed by what somebody does to what was read', () => {
    const world = new StatusWorld();
    world.close(0, plainLedger(5));
    const first = world.collector.read().interfaces[0]!;
    world.close(1, plainLedger(6));
    expect(first.ledger.metered.packets).toBe(5);
    expect(first.windows.OK).toBe(1);
    expect(first.lastWindows).toHaveLength(1);
  });
});

describe('the last windows', () => {
  test('are the latest ten, the newest first, in whatever order they became durable', () => {
    const world = new StatusWorld();
    for (const window of [3, 1, 2, 0, 12, 11, 10, 4, 5, 6, 7, 8, 9]) world.close(window, plainLedger(window));
    const { lastWindows } = world.collector.read().interfaces[0]!;
    const windows = lastWindows.map(({ startSeconds }) => (startSeconds - START_SECONDS) / WINDOW_SECONDS);
    expect(windows).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    expect(lastWindows).toHaveLength(LAST_WINDOWS);
    expect(lastWindows.map(({ ledger }) => ledger.metered.packets)).toEqual(windows);
    expect(lastWindows[0]).toMatchObject({ endSeconds: START_SECONDS + 13 * WINDOW_SECONDS, status: 'OK', records: 2 });
  });

  test('make one of the pieces of a window', () => {
    const world = new StatusWorld();
    const gap = { fromSeconds: START_SECONDS, toSeconds: START_SECONDS + 2.5, reason: 'interface-gone' as const };
    world.close(0, plainLedger(5), 1);
    world.close(0, { ...createLedger([]), gaps: [gap] }, 3);
    world.close(0, plainLedger(1), 1);
    const [window, ...others] = world.collector.read().interfaces[0]!.lastWindows;
    expect(others).toEqual([]);
    expect(window).toMatchObject({ status: 'SKIPDATA', records: 5 });
    expect(window!.ledger.metered.packets).toBe(6);
    expect(window!.ledger.gapSeconds).toMatchObject({ 'interface-gone': 2.5, 'capture-failed': 0 });
  });
});

describe('an interface', () => {
  test('is detached with a reason, and capturing since it came back', () => {
    const world = new StatusWorld();
    const state = () => world.collector.read().interfaces[0]!;
    expect(state()).toMatchObject({ state: 'capturing', sinceSeconds: START_SECONDS, reason: null, detachments: 0 });
    world.pass(5);
    world.collector.captured(ETH0, { kind: 'detached', reason: 'eth0 went away' });
    expect(state()).toMatchObject({
      state: 'detached',
      sinceSeconds: START_SECONDS + 5,
      reason: 'eth0 went away',
      detachments: 1,
    });
    expect(world.collector.read().healthy).toBe(false);
    expect(world.problems).toEqual(['interface-detached']);
    world.pass(7);
    world.collector.captured(ETH0, { kind: 're-attached' });
    world.collector.captured(ETH0, { kind: 'something else' });
    expect(state()).toMatchObject({ state: 'capturing', sinceSeconds: START_SECONDS + 12, reason: null });
    expect(world.collector.read().healthy).toBe(true);
  });
});

describe('the data plane', () => {
  test('is stuck after ten looks without progress, however long they take, and not before', () => {
    const world = new StatusWorld();
    for (let look = 0; look <= SILENT_LOOKS_MAX - 1; look++) {
      expect(world.problems).toEqual([]);
      world.collector.observe();
      world.pass(1000);
    }
    expect(world.problems).toEqual([]);
    world.collector.observe();
    expect(world.problems).toEqual(['data-plane-stuck']);
    expect(world.collector.read()).toMatchObject({
      healthy: false,
      dataPlane: { advancing: false, stalledSeconds: 10 },
    });
    world.rounds++;
    world.collector.observe();
    expect(world.collector.read()).toMatchObject({ healthy: true, dataPlane: { advancing: true, stalledSeconds: 0 } });
  });
});

describe('the exporter', () => {
  test('is the first of the sinks, by its name', () => {
    const { exporter, sinks } = new StatusWorld().collector.read();
    expect(sinks).toEqual([exporter]);
    expect(exporter).toMatchObject({ name: 'cls', sink: 'topic flowlog at http://127.0.0.1:9514' });
  });

  test('of a service that acknowledges nothing is not stalled while it sends', () => {
    const world = new StatusWorld();
    world.pass(5);
    Object.assign(world.exporter, { state: 'sending', sentBatches: 1 });
    world.collector.observe();
    expect(world.collector.read().exporter).toMatchObject({
      deliveredBatches: 0,
      lastDeliveredSeconds: START_SECONDS + 5,
    });
  });

  test('has a time for its state and for what it delivered last', () => {
    const world = new StatusWorld();
    expect(world.collector.read().exporter).toMatchObject({ sinceSeconds: START_SECONDS, lastDeliveredSeconds: null });
    world.pass(3);
    Object.assign(world.exporter, { state: 'sending', deliveredBatches: 2 });
    world.collector.observe();
    world.pass(4);
    const { exporter } = world.collector.read();
    expect(exporter).toMatchObject({
      sinceSeconds: START_SECONDS + 3,
      lastDeliveredSeconds: START_SECONDS + 3,
      deliveredBatches: 2,
    });
  });

  test('that is blocked or failing is a warning with its reason, and not unhealthy', () => {
    const world = new StatusWorld();
    Object.assign(world.exporter, { state: 'blocked', lastError: 'the topic is gone' });
    expect(world.problems).toEqual(['exporter-blocked']);
    expect(world.collector.read()).toMatchObject({ healthy: true });
    expect(world.collector.read().problems[0]!.message).toContain('the topic is gone');
    Object.assign(world.exporter, { state: 'backing-off', lastError: 'connection refused' });
    expect(world.problems).toEqual(['exporter-backing-off']);
    Object.assign(world.exporter, { state: 'sending' });
    expect(world.problems).toEqual([]);
  });
});

describe('the spool', () => {
  test('that cannot be written is an error until it can', () => {
    const world = new StatusWorld();
    world.collector.recorder({ ...RECORDER, pendingWindows: 2, heldBytes: 4096 });
    world.collector.spoolFailing('Writing the spool failed: no space.');
    const failing = world.collector.read();
    expect(failing.recorder).toEqual({
      ...RECORDER,
      pendingWindows: 2,
      heldBytes: 4096,
      failing: 'Writing the spool failed: no space.',
    });
    expect(failing.problems).toMatchObject([{ code: 'spool-failing', severity: 'error' }]);
    world.collector.spoolFailing(undefined);
    expect(world.problems).toEqual([]);
  });

  test('that gives up batches says so for ten minutes after the last', () => {
    const world = new StatusWorld();
    world.spool.evicted = { batches: 1, records: 10, packets: 100, bytes: 1000 };
    world.collector.observe();
    world.pass(599);
    expect(world.problems).toEqual(['spool-dropping']);
    world.pass(1);
    expect(world.problems).toEqual([]);
  });

  test('that holds batches of a sink which is not configured is a warning that says how to remove them', () => {
    const world = new StatusWorld();
    world.spool.sinks = [spoolSink('cls'), { ...spoolSink('old'), configured: false, batches: 3 }];
    expect(world.collector.read().problems).toMatchObject([
      {
        code: 'sink-unconfigured',
        message: 'Sink old is not in the configuration: 3 batches pending for it, 0 quarantined.',
        advice: expect.stringContaining('flowlogd spool remove old'),
      },
    ]);
  });

  test('that fills up and that set batches aside is a warning', () => {
    const world = new StatusWorld();
    Object.assign(world.spool, { bytes: 800_000, quarantinedBatches: 1 });
    expect(world.problems).toEqual(['batches-quarantined']);
    world.spool.bytes = 800_001;
    expect(world.problems).toEqual(['spool-filling', 'batches-quarantined']);
  });
});

describe('closed windows', () => {
  test('that pile up before a disk which says nothing are a warning', () => {
    const world = new StatusWorld();
    const waiting = (unwrittenWindows: number) => world.live.write({ ...world.live.read(), unwrittenWindows });
    waiting(2);
    expect(world.problems).toEqual([]);
    waiting(3);
    expect(world.collector.read().problems).toMatchObject([{ code: 'windows-unwritten', interface: 'eth0' }]);
    world.collector.spoolFailing('ENOSPC');
    expect(world.problems).toEqual(['spool-failing']);
  });
});

describe('open windows', () => {
  test('in memory alone are a warning that says since when and why, until they are kept again', () => {
    const world = new StatusWorld();
    world.collector.captured(ETH0, { kind: 'memory-only', reason: 'ENOSPC: no space left on device' });
    const { problems, healthy, interfaces } = world.collector.read();
    expect(healthy).toBe(true);
    expect(problems).toMatchObject([{ code: 'windows-in-memory', interface: 'eth0' }]);
    expect(problems[0]!.message).toContain('since 2023-11-14 22:13:20Z');
    expect(problems[0]!.message).toContain('ENOSPC');
    expect(interfaces[0]).toMatchObject({ memoryOnly: true, memoryOnlySinceSeconds: START_SECONDS });
    world.collector.captured(ETH0, { kind: 'persisted' });
    expect(world.problems).toEqual([]);
    expect(world.collector.read().interfaces[0]).toMatchObject({ memoryOnly: false, memoryOnlySinceSeconds: null });
  });

  test('of an earlier run that wait on disk, or are lost, are a warning each', () => {
    const world = new StatusWorld();
    const { recovered } = RECORDER;
    world.collector.recorder({ ...RECORDER, recovered: { ...recovered, failing: 'EACCES: permission denied' } });
    expect(world.problems).toEqual(['recovery-failing']);
    world.collector.recorder({ ...RECORDER, recovered: { ...recovered, windowsLost: 1, quarantined: 3 } });
    expect(world.problems).toEqual(['windows-lost']);
    expect(world.collector.read().problems[0]!.message).toContain('Corrupt files of earlier runs: 3');
  });
});

describe('loss in the last windows', () => {
  test('is a warning that names the knob, until the windows are forgotten', () => {
    const world = new StatusWorld();
    world.close(0, variedLedger());
    expect(world.problems).toEqual([
      'dropped-by-kernel',
      'dropped-by-interface',
      'packets-overflowed',
      'flows-coarsened',
      'verdicts-lost',
    ]);
    const advice = world.collector.read().problems.map((problem) => problem.advice);
    expect(advice[0]).toContain('capture.bufferBytes');
    expect(advice[3]).toContain('table.flowsMax');
    for (let window = 1; window <= LAST_WINDOWS; window++) world.close(window, plainLedger(1));
    expect(world.problems).toEqual([]);
  });

  test('comes after what is graver', () => {
    const world = new StatusWorld();
    world.close(0, variedLedger());
    world.collector.spoolFailing('no space');
    const [first] = world.collector.read().problems;
    expect(first).toMatchObject({ code: 'spool-failing' });
  });
});

describe('docs/operations.md', () => {
  const page = readFileSync(resolve('docs/operations.md'), 'utf8');

  test('has one row for every problem, with its severity', () => {
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (error|warning) \|/gm)].map(([, code, severity]) => [
      code,
      severity,
    ]);
    expect(Object.fromEntries(rows)).toEqual(PROBLEM_CODES);
    expect(rows).toHaveLength(Object.keys(PROBLEM_CODES).length);
  });

  test('names every member of the status', () => {
    const world = new StatusWorld();
    world.close(0, { ...variedLedger(), excluded: {}, excludedPeers: { peers: VARIED_PEERS } });
    const names = new Set<string>();
    const gather = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, inner] of Object.entries(value)) {
        if (!Array.isArray(value)) names.add(name);
        gather(inner);
      }
    };
    gather(world.collector.read());
    const section = page.slice(page.indexOf('## The status as JSON'), page.indexOf('## Metrics'));
    const named = new Set([...section.matchAll(/`\.?([A-Za-z-]+)(?:\[\])?`/g)].map(([, name]) => name));
    expect(names.size).toBeGreaterThan(50);
    expect([...names].filter((name) => !named.has(name))).toEqual([]);
  });
});

describe('batches that are pending without a delivery', () => {
  const look = (world: StatusWorld, seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      world.rounds++;
      world.collector.observe();
    }
  };
  const codes = (world: StatusWorld) => world.collector.read().problems.map(({ code }) => code);

  test('for three windows make the agent unhealthy, whatever the exporter is at, and one delivery heals it', () => {
    for (const state of ['sending', 'backing-off', 'blocked'] as const) {
      const world = new StatusWorld();
      Object.assign(world.exporter, { state, lastError: '403 AccountArrears' });
      world.spool.batches = 5;
      look(world, 3 * WINDOW_SECONDS - 1);
      expect(codes(world)).not.toContain('delivery-stalled');
      expect(world.collector.read().healthy).toBe(true);
      look(world, 1);
      const { healthy, exporter, problems } = world.collector.read();
      expect(healthy).toBe(false);
      expect(exporter.undeliveredSeconds).toBe(3 * WINDOW_SECONDS);
      expect(problems[0]).toMatchObject({ code: 'delivery-stalled', severity: 'error' });
      expect(problems[0]!.message).toContain('403 AccountArrears');
      world.exporter.deliveredBatches++;
      look(world, 1);
      expect(world.collector.read()).toMatchObject({ healthy: true, exporter: { undeliveredSeconds: 0 } });
    }
  });

  test('count by the longest window, and not while none is pending', () => {
    const world = new StatusWorld();
    look(world, 10 * WINDOW_SECONDS);
    expect(codes(world)).not.toContain('delivery-stalled');
    const slow = { ...ETH0, interfaceName: 'eth9', flowLog: { ...ETH0.flowLog, id: 'fl-slow', windowSeconds: 600 } };
    world.collector.add(slow);
    world.collector.captured(slow, { kind: 'attached' });
    world.spool.batches = 1;
    look(world, 1799);
    expect(codes(world)).not.toContain('delivery-stalled');
    look(world, 1);
    expect(codes(world)).toContain('delivery-stalled');
  });

  test('are said where a flow log is described, though the last upload was taken', () => {
    const { exporter } = new StatusWorld().collector.read();
    const stalled = { ...exporter, state: 'sending', lastDeliveredSeconds: START_SECONDS, undeliveredSeconds: 180 };
    expect(readinessOf(stalled, 60, 'open')).toMatchObject({ state: 'unreachable' });
    expect(readinessOf({ ...stalled, undeliveredSeconds: 179 }, 60, 'open')).toMatchObject({ state: 'ready' });
  });
});
