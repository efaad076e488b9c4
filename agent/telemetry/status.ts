/**
 * What a running agent says of itself: one object, the same for `flowlogd status`, for the control socket and for the metrics.
 *
 * Its JSON is stable: members may be added, and none changes its meaning while `schema` stays the same. docs/operations.md
 * says what each is. What does not exist is null, times are Unix seconds, and totals count from the start of the agent.
 *
 * A window counts once it is durable, so totals move when windows close. Each total of packets is therefore the sum of closed
 * ledgers, and the equation of model/ledger.ts holds for it at any moment.
 */
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Ledger, LogStatus } from '../model/ledger.ts';
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import { DeliveryWatch } from './delivery-watch.ts';
import { InterfaceKeeper } from './interface-keeper.ts';
import type { LedgerStatus } from './ledger-sum.ts';
import type { LiveStatus } from './live-rates.ts';
import type { LogServiceStatus } from './log-service-status.ts';
import { problemsOf } from './problems.ts';
import { RingKeeper, type RingStatus } from './ring-status.ts';
import type { SpoolStatus } from './spool-status.ts';
import { STATE_IN_PLACE, type StateStatus } from './state-status.ts';

export const STATUS_SCHEMA = 1;
/** Looks in a row without progress, a second apart, after which the data plane counts as stuck. */
export const SILENT_LOOKS_MAX = 10;
/** For so long after the spool gave up batches it is said to do so. */
export const DROPPING_SECONDS = 600;

export interface WindowStatus {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly status: LogStatus;
  readonly records: number;
  readonly ledger: LedgerStatus;
}

export const INTERFACE_STATES = ['starting', 'waiting', 'capturing', 'detached'] as const;
export type InterfaceState = (typeof INTERFACE_STATES)[number];

export interface InterfaceStatus {
  readonly interface: string;
  readonly interfaceId: string;
  readonly flowLogId: string;
  readonly windowSeconds: number;
  readonly state: InterfaceState;
  readonly sinceSeconds: number;
  /** Why it is waiting or detached. */
  readonly reason: string | null;
  readonly detachments: number;
  /** Its packet ring; 0 while it is not captured. */
  readonly ringBytes: number;
  /** Whether it is not captured because memory or file descriptors ran out. */
  readonly refused: boolean;
  /** Packets that it carried, while the agent ran, before its capture began. */
  readonly beforeAttachPackets: number;
  /** The open window; not in any total until it is closed. */
  readonly live: LiveStatus;
  /** Whether open windows are in memory alone, where a kill would lose them, and how many tables had to be since the start. */
  readonly volatile: boolean;
  readonly volatileSinceSeconds: number | null;
  readonly volatileReason: string | null;
  readonly volatileTables: number;
  /** Closed windows that are not durable yet. */
  readonly unwrittenWindows: number;
  /** Closed and durable, by log status. A window that is closed in pieces, because of late packets, counts with each. */
  readonly windows: Readonly<Record<LogStatus, number>>;
  readonly records: number;
  readonly ledger: LedgerStatus;
  /** The newest first, at most `LAST_WINDOWS`. Pieces of a window are one. */
  readonly lastWindows: readonly WindowStatus[];
}

export interface RecorderNumbers {
  readonly windows: number;
  readonly batches: number;
  readonly records: number;
  readonly failures: number;
  readonly windowsGivenUp: number;
  readonly packetsGivenUp: number;
  readonly ledgersMerged: number;
  readonly waitingWindows: number;
  readonly heldBytes: number;
  /** What came of the windows that earlier runs had left open. */
  readonly recovered: RecoveredNumbers;
}

export interface RecoveredNumbers {
  readonly windows: number;
  readonly records: number;
  readonly packets: number;
  readonly slotsDamaged: number;
  readonly windowsLost: number;
  /** Windows that stay for the newer flowlogd that left them. */
  readonly newer: number;
  readonly setAside: number;
  readonly deleted: number;
  /** Why windows of earlier runs cannot be read now. */
  readonly failing: string | null;
}

export interface RecorderStatus extends RecorderNumbers {
  /** Why the spool cannot be written now. */
  readonly failing: string | null;
}

export interface ExporterNumbers {
  /** The name of the sink, and what it is. */
  readonly name: string;
  readonly sink: string;
  readonly state: string;
  readonly lastError: string | null;
  readonly deliveredBatches: number;
  /** To a service that acknowledges none. */
  readonly sentBatches: number;
  readonly deliveredBytes: number;
  readonly attempts: number;
  readonly retries: number;
  readonly blocked: number;
  readonly split: number;
  readonly partial: number;
  readonly quarantined: number;
  /** End of the latest window of which a batch was accepted. */
  readonly deliveredUntilSeconds: number | null;
  /** What the service's clock shows more than ours. */
  readonly clockAheadSeconds: number | null;
}

export interface ExporterStatus extends ExporterNumbers {
  readonly sinceSeconds: number;
  readonly lastDeliveredSeconds: number | null;
  /** For how long batches have been pending without one delivered; 0 when one was since, or none is. */
  readonly undeliveredSeconds: number;
}

export type SinkStatus = ExporterStatus;

export interface DataPlaneStatus {
  /** Whether it took a round lately; an idle one takes two a second. */
  readonly advancing: boolean;
  readonly stalledSeconds: number;
  readonly rounds: number;
}

export interface ProcessStatus {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly cpuSeconds: number;
}

export interface AgentIdentity {
  readonly version: string;
  readonly pid: number;
  readonly hostId: string;
  /** Of this run: batches carry it. */
  readonly runId: string;
  readonly stateDirectory: string;
}

/** `error`: data is or will be lost, /health says 503. `warning`: it would be, if nobody does anything, or a little was. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly interface: string | null;
  /** What is wrong, a sentence. */
  readonly message: string;
  /** What to do about it, a sentence. */
  readonly advice: string;
}

export interface AgentStatus {
  readonly schema: typeof STATUS_SCHEMA;
  readonly agent: AgentIdentity & ProcessStatus & { readonly startedSeconds: number; readonly uptimeSeconds: number };
  readonly healthy: boolean;
  /** The gravest first. */
  readonly problems: readonly Problem[];
  readonly dataPlane: DataPlaneStatus;
  readonly interfaces: readonly InterfaceStatus[];
  readonly rings: RingStatus;
  /** Interfaces of flow logs that came and went before they could be captured, and what they carried. */
  readonly missedInterfaces: { readonly interfaces: number; readonly packets: number };
  readonly recorder: RecorderStatus;
  readonly spool: SpoolStatus;
  readonly state: StateStatus;
  /** The first of `sinks`. */
  readonly exporter: ExporterStatus;
  /** Each with the way to it. */
  readonly sinks: readonly SinkStatus[];
  /** Null where the agent ships to another one. */
  readonly logService: LogServiceStatus | null;
  /** Null where no flow log is of type NAT. */
  readonly translations: TranslationNumbers | null;
}

/** What is asked when somebody looks. */
export interface StatusSources {
  spool(): SpoolStatus;
  exporter(): ExporterNumbers;
  logService?(): LogServiceStatus | null;
  process(): ProcessStatus;
  /** Changes with every round of the data plane. */
  rounds(): number;
}

export interface StatusOptions {
  readonly identity: AgentIdentity;
  readonly points: readonly ObservationPoint[];
  /** By window and address family. */
  readonly flowsMax: number;
  /** Over all packet rings. */
  readonly ringBytesMax: number;
  readonly sources: StatusSources;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly elapsed: () => number;
}

/** A window that has become durable. */
export interface ClosedNews {
  readonly point: ObservationPoint;
  readonly windowStart: number;
  readonly records: number;
  readonly ledger: Ledger;
}

/** Gathers what happens, and answers what is. Bounded: nothing in it grows but with interfaces and exclusion rules. */
export class StatusKeeper {
  readonly rings: RingKeeper;
  readonly #identity: AgentIdentity;
  readonly #sources: StatusSources;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #startedSeconds: number;
  readonly #flowsMax: number;
  #interfaces: readonly InterfaceKeeper[];
  #recorder: RecorderNumbers = NOTHING_RECORDED;
  #spoolFailing: string | null = null;
  #translations: TranslationNumbers | null = null;
  #state = STATE_IN_PLACE;
  #missedInterfaces = { interfaces: 0, packets: 0 };
  #rounds = 0;
  #silentLooks = 0;
  #exporterState = '';
  #exporterSinceSeconds: number;
  #delivered = 0;
  readonly #delivery = new DeliveryWatch();
  #lastDeliveredSeconds: number | null = null;
  #droppedBatches = 0;
  #droppedAtSeconds = Number.NEGATIVE_INFINITY;

  constructor(options: StatusOptions) {
    this.#identity = options.identity;
    this.#sources = options.sources;
    this.#now = options.now;
    this.#elapsed = options.elapsed;
    this.#startedSeconds = this.#seconds();
    this.#exporterSinceSeconds = this.#startedSeconds;
    this.#flowsMax = options.flowsMax;
    this.rings = new RingKeeper(options.ringBytesMax);
    this.#interfaces = options.points.map(
      (point) => new InterfaceKeeper(point, options.flowsMax, this.#startedSeconds),
    );
  }

  /** The point is to be observed from now on. */
  add(point: ObservationPoint): void {
    this.#interfaces = [...this.#interfaces, new InterfaceKeeper(point, this.#flowsMax, this.#seconds())];
  }

  /** Nobody observes the point any more: what is known of it goes. */
  forget(point: ObservationPoint): void {
    this.rings.forget(point.interfaceName);
    this.#interfaces = this.#interfaces.filter((one) => !one.is(point));
  }

  /** An interface of a flow log came and went uncaptured. */
  missedInterface(packets: number): void {
    const { interfaces } = this.#missedInterfaces;
    this.#missedInterfaces = { interfaces: interfaces + 1, packets: this.#missedInterfaces.packets + packets };
  }

  /** Capture began, ended or began again at an observation point. Other kinds of events say nothing about it. */
  captured(
    point: ObservationPoint,
    event: {
      readonly kind: string;
      readonly reason?: string;
      readonly packets?: number;
      readonly live?: SharedArrayBuffer;
    },
  ): void {
    const one = this.#interface(point);
    if (event.kind === 'before-attach') one?.missed(event.packets ?? 0);
    else if (event.live === undefined) one?.captured(event.kind, event.reason, this.#seconds());
    else one?.measured(event.live);
  }

  closed(news: ClosedNews): void {
    this.#interface(news.point)?.closed(news);
  }

  recorder(numbers: RecorderNumbers): void {
    this.#recorder = numbers;
  }

  translations(numbers: TranslationNumbers): void {
    this.#translations = numbers;
  }

  state(state: StateStatus): void {
    this.#state = state;
  }

  /** @param reason undefined: the spool can be written again. */
  spoolFailing(reason: string | undefined): void {
    this.#spoolFailing = reason ?? null;
  }

  /**
   * To be called every second. Silence is counted in looks, not in time, so that neither a clock that is set nor a process
   * that was stopped for a while makes a data plane look stuck.
   */
  observe(): void {
    const rounds = this.#sources.rounds();
    this.#silentLooks = rounds === this.#rounds ? this.#silentLooks + 1 : 0;
    this.#rounds = rounds;
    for (const one of this.#interfaces) one.look(this.#elapsed());
    this.#lookAtDelivery();
    const { deliveredBatches, sentBatches } = this.#sources.exporter();
    this.#delivery.look(this.#sources.spool().batches, deliveredBatches + sentBatches);
  }

  read(): AgentStatus {
    this.#lookAtDelivery();
    const nowSeconds = this.#seconds();
    const exporter = this.#exporter();
    const seen = {
      dataPlane: {
        advancing: this.#silentLooks < SILENT_LOOKS_MAX,
        stalledSeconds: this.#silentLooks < SILENT_LOOKS_MAX ? 0 : this.#silentLooks,
        rounds: this.#sources.rounds() >>> 0,
      },
      interfaces: this.#interfaces.map((one) => one.read(this.rings)),
      rings: this.rings.read(),
      missedInterfaces: this.#missedInterfaces,
      recorder: { ...this.#recorder, failing: this.#spoolFailing },
      translations: this.#translations,
      spool: this.#sources.spool(),
      state: this.#state,
      exporter,
      sinks: [exporter],
      logService: this.#sources.logService?.() ?? null,
    };
    const isDropping = nowSeconds - this.#droppedAtSeconds < DROPPING_SECONDS;
    const problems = problemsOf(seen, isDropping);
    return {
      schema: STATUS_SCHEMA,
      agent: {
        ...this.#identity,
        startedSeconds: this.#startedSeconds,
        uptimeSeconds: Math.max(0, nowSeconds - this.#startedSeconds),
        ...this.#sources.process(),
      },
      healthy: problems.every(({ severity }) => severity !== 'error'),
      problems,
      ...seen,
    };
  }

  #exporter(): ExporterStatus {
    return {
      ...this.#sources.exporter(),
      sinceSeconds: this.#exporterSinceSeconds,
      lastDeliveredSeconds: this.#lastDeliveredSeconds,
      undeliveredSeconds: this.#delivery.undeliveredSeconds,
    };
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  #interface(point: ObservationPoint): InterfaceKeeper | undefined {
    return this.#interfaces.find((one) => one.is(point));
  }

  /** What changed since the last look happened now, to the second. */
  #lookAtDelivery(): void {
    const { state, deliveredBatches, sentBatches } = this.#sources.exporter();
    const delivered = deliveredBatches + sentBatches;
    const nowSeconds = this.#seconds();
    if (state !== this.#exporterState) this.#exporterSinceSeconds = nowSeconds;
    this.#exporterState = state;
    if (delivered > this.#delivered) this.#lastDeliveredSeconds = nowSeconds;
    this.#delivered = delivered;
    const { batches } = this.#sources.spool().dropped;
    if (batches > this.#droppedBatches) this.#droppedAtSeconds = nowSeconds;
    this.#droppedBatches = batches;
  }
}

export const NOTHING_RECORDED: RecorderNumbers = {
  windows: 0,
  batches: 0,
  records: 0,
  failures: 0,
  windowsGivenUp: 0,
  packetsGivenUp: 0,
  ledgersMerged: 0,
  waitingWindows: 0,
  heldBytes: 0,
  recovered: {
    windows: 0,
    records: 0,
    packets: 0,
    slotsDamaged: 0,
    windowsLost: 0,
    newer: 0,
    setAside: 0,
    deleted: 0,
    failing: null,
  },
};
