import type { ExcludedPeers } from '../../agent/model/excluded-peers.ts';
import { FLOW_LOG_DEFAULTS, type ObservationPoint } from '../../agent/model/flow-log.ts';
import { createLedger, type Ledger } from '../../agent/model/ledger.ts';
import { LiveBlock } from '../../agent/model/live-figures.ts';
import type { TranslationNumbers } from '../../agent/model/translation-numbers.ts';
import type { ExporterNumbers, RecorderNumbers } from '../../agent/telemetry/agent-status.ts';
import type { SpoolSinkStatus, SpoolStatus } from '../../agent/telemetry/spool-status.ts';
import { NOTHING_RECORDED, StatusCollector } from '../../agent/telemetry/status-collector.ts';
import { CONFINED } from './sandbox.ts';

export const START_SECONDS = 1_700_000_000;
export const WINDOW_SECONDS = 60;

export function observationPoint(interfaceName: string): ObservationPoint {
  const flowLog = { ...FLOW_LOG_DEFAULTS, id: 'fl-test', accountId: '-', windowSeconds: WINDOW_SECONDS };
  return { flowLog, interfaceId: `eni-${interfaceName}`, interfaceName };
}

export const ETH0 = observationPoint('eth0');

/** Every part of it another number, so that none can be taken for another. */
export const VARIED_PEERS: ExcludedPeers = {
  peers: [
    {
      ...{ source: '0.0.0.0', destination: '255.255.255.255', protocol: 17, port: 67 },
      ...{ packets: 3, bytes: 300, missedBytesMax: 0 },
    },
  ],
  unlistedBytesMax: 0,
};

export function variedLedger(factor = 1): Ledger {
  const tally = (packets: number) => ({ packets: packets * factor, bytes: packets * factor * 100 });
  return {
    ...createLedger([]),
    metered: tally(1000),
    coarsened: tally(7),
    coarsenedKeys: 5 * factor,
    rejected: tally(29),
    rejectsUnmatched: tally(31),
    rejectsLost: 37 * factor,
    beforeAttach: 41 * factor,
    excluded: { dhcp: tally(3), 'back"up': tally(5) },
    excludedPeers: { dhcp: VARIED_PEERS },
    notIp: tally(11),
    malformed: tally(13),
    overflowed: tally(17),
    droppedByKernel: 19 * factor,
    droppedByInterface: 23 * factor,
  };
}
export const VARIED_OFFERED = 1000 + 3 + 5 + 11 + 13 + 17 + 19 + 23;
export const VARIED_LOST = 17 + 19 + 23;

/** A window without loss. */
export function plainLedger(packets: number): Ledger {
  return { ...createLedger(['dhcp']), metered: { packets, bytes: packets * 100 } };
}

export const RECORDER: RecorderNumbers = { ...NOTHING_RECORDED, windows: 31, batches: 37, records: 41 };

export const TRANSLATIONS: TranslationNumbers = {
  matched: 101,
  same: 103,
  unmatched: 107,
  ambiguous: 3,
  entries: 109,
  evicted: 5,
  refused: 7,
  events: 113,
  overruns: 2,
  lists: 11,
  partialLists: 1,
  malformed: 0,
};

/** Nothing pending. */
export function spoolSink(name: string): SpoolSinkStatus {
  const evicted = { batches: 0, records: 0, packets: 0, bytes: 0 };
  const numbers = { batches: 0, bytes: 0, oldestAgeSeconds: null, quarantinedBatches: 0, quarantineFiles: 0 };
  return { name, configured: true, ...numbers, evicted, newerBatches: 0 };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A status collector of eth0 (and others) in a world that the test turns by hand. */
export class StatusWorld {
  nowMs = START_SECONDS * 1000;
  rounds = 1;
  readonly spool: Mutable<SpoolStatus> = {
    batches: 0,
    bytes: 0,
    bytesMax: 1_000_000,
    oldestAgeSeconds: null,
    evicted: { batches: 0, records: 0, packets: 0, bytes: 0 },
    damagedBatches: 0,
    quarantinedBatches: 0,
    unaccountedBatches: 0,
    quarantineFiles: 0,
    newerBatches: 0,
    vanishedBatches: 0,
    vanishedPackets: 0,
    vanishedUnaccountedBatches: 0,
    isReadingIndex: false,
    unmeasuredBatches: 0,
    sinks: [spoolSink('cls')],
  };
  readonly exporter: Mutable<Omit<ExporterNumbers, 'pendingBatches'>> = {
    name: 'cls',
    sink: 'topic flowlog at http://127.0.0.1:9514',
    draining: false,
    state: 'idle',
    lastError: null,
    deliveredBatches: 0,
    sentBatches: 0,
    deliveredBytes: 0,
    attempts: 0,
    retries: 0,
    blocked: 0,
    split: 0,
    partial: 0,
    quarantined: 0,
    rejectedRecords: 0,
    deliveredUntilSeconds: null,
    clockAheadSeconds: null,
  };
  /** Beside it. */
  otherSinks: readonly ExporterNumbers[] = [];
  /** Of each interface. */
  readonly live = new LiveBlock();
  readonly collector: StatusCollector;

  constructor(points: readonly ObservationPoint[] = [ETH0]) {
    this.collector = new StatusCollector({
      identity: { version: '1.2.3', pid: 812, hostId: 'web-1', runId: 'c0ffee', stateDirectory: '/var/lib/flowlogd' },
      points,
      flowsMax: 1000,
      ringBytesMax: 2 ** 30,
      sandbox: CONFINED,
      now: () => this.nowMs,
      elapsed: () => this.nowMs,
      sources: {
        spool: () => this.spool,
        sinks: () => [{ ...this.exporter, pendingBatches: this.spool.batches }, ...this.otherSinks],
        process: () => ({ residentBytes: 70_000_000, heapBytes: 9_000_000, cpuSeconds: 1.5 }),
        rounds: () => this.rounds,
      },
    });
    for (const point of points) {
      this.collector.captured(point, { kind: 'attached' });
      this.collector.captured(point, { kind: 'live', live: this.live.shared });
    }
  }

  pass(seconds: number): void {
    this.nowMs += seconds * 1000;
  }

  /** The window that began so many windows after the start is durable. */
  close(window: number, ledger: Ledger, records = 2, point: ObservationPoint = ETH0): void {
    this.collector.closed({ point, windowStart: START_SECONDS + window * WINDOW_SECONDS, records, ledger });
  }

  get problems(): readonly string[] {
    return this.collector.read().problems.map(({ code }) => code);
  }
}
