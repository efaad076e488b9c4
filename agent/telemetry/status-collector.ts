/**
 * The status of a running agent (agent-status.ts), collected from its stages.
 *
 * A window counts once it is durable, so totals move when windows close. Each total of packets is therefore the sum of closed
 * ledgers, and the equation of model/ledger.ts holds for it at any moment.
 */
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import {
  type AgentIdentity,
  type AgentStatus,
  type ExporterNumbers,
  type ProcessStatus,
  type RecorderNumbers,
  STATUS_SCHEMA,
} from './agent-status.ts';
import type { FindingsStatus } from './findings-status.ts';
import { InterfaceCollector, type WindowClosed } from './interface-collector.ts';
import type { LogServiceStatus } from './log-service-status.ts';
import { problemsOf } from './problems.ts';
import { RingCollector } from './ring-status.ts';
import { SinkCollector } from './sink-collector.ts';
import type { SpoolStatus } from './spool-status.ts';
import { STATE_IN_PLACE, type StateStatus } from './state-status.ts';

/** Looks in a row without progress, a second apart, after which the data plane counts as stuck. */
export const SILENT_LOOKS_MAX = 10;
/** For so long after the spool gave up batches it is said to do so. */
export const DROPPING_SECONDS = 600;

/** What is asked when somebody looks. */
export interface StatusSources {
  spool(): SpoolStatus;
  /** At least one, in the order of the configuration. */
  sinks(): readonly ExporterNumbers[];
  logService?(): LogServiceStatus | null;
  findings?(): FindingsStatus | null;
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
  readonly sandbox: Sandbox;
  readonly sources: StatusSources;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly elapsed: () => number;
}

/** Gathers what happens, and answers what is. Bounded: nothing in it grows but with interfaces and exclusion rules. */
export class StatusCollector {
  readonly rings: RingCollector;
  readonly #identity: AgentIdentity;
  readonly #sandbox: Sandbox;
  readonly #sources: StatusSources;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #startedSeconds: number;
  readonly #flowsMax: number;
  #interfaces: readonly InterfaceCollector[];
  #recorder: RecorderNumbers = NOTHING_RECORDED;
  #spoolFailing: string | null = null;
  #translations: TranslationNumbers | null = null;
  #state = STATE_IN_PLACE;
  #missedInterfaces = { interfaces: 0, packets: 0 };
  #rounds = 0;
  #silentLooks = 0;
  readonly #sinks = new Map<string, SinkCollector>();
  #droppedBatches = 0;
  #droppedAtSeconds = Number.NEGATIVE_INFINITY;

  constructor(options: StatusOptions) {
    this.#identity = options.identity;
    this.#sandbox = options.sandbox;
    this.#sources = options.sources;
    this.#now = options.now;
    this.#elapsed = options.elapsed;
    this.#startedSeconds = this.#seconds();
    this.#flowsMax = options.flowsMax;
    this.rings = new RingCollector(options.ringBytesMax);
    this.#interfaces = options.points.map(
      (point) => new InterfaceCollector(point, options.flowsMax, this.#startedSeconds),
    );
  }

  /** The point is to be observed from now on. */
  add(point: ObservationPoint): void {
    this.#interfaces = [...this.#interfaces, new InterfaceCollector(point, this.#flowsMax, this.#seconds())];
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

  closed(news: WindowClosed): void {
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
    this.#lookAtSpool();
    for (const numbers of this.#sources.sinks()) {
      const sink = this.#sink(numbers.name);
      sink.look(numbers, this.#seconds());
      sink.observe(numbers);
    }
  }

  read(): AgentStatus {
    this.#lookAtSpool();
    const nowSeconds = this.#seconds();
    const sinks = this.#sources.sinks().map((numbers) => this.#sink(numbers.name).look(numbers, nowSeconds));
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
      exporter: sinks[0]!,
      sinks,
      logService: this.#sources.logService?.() ?? null,
      findings: this.#sources.findings?.() ?? null,
      sandbox: this.#sandbox,
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

  #sink(name: string): SinkCollector {
    const known = this.#sinks.get(name) ?? new SinkCollector(this.#startedSeconds);
    this.#sinks.set(name, known);
    return known;
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  #interface(point: ObservationPoint): InterfaceCollector | undefined {
    return this.#interfaces.find((one) => one.is(point));
  }

  #lookAtSpool(): void {
    const nowSeconds = this.#seconds();
    const { batches } = this.#sources.spool().evicted;
    if (batches > this.#droppedBatches) this.#droppedAtSeconds = nowSeconds;
    this.#droppedBatches = batches;
  }
}

export const NOTHING_RECORDED: RecorderNumbers = {
  windows: 0,
  batches: 0,
  records: 0,
  failures: 0,
  windowsEvicted: 0,
  packetsEvicted: 0,
  ledgersMerged: 0,
  pendingWindows: 0,
  heldBytes: 0,
  recovered: {
    windows: 0,
    records: 0,
    packets: 0,
    slotsDamaged: 0,
    windowsLost: 0,
    newer: 0,
    quarantined: 0,
    deleted: 0,
    failing: null,
  },
};
