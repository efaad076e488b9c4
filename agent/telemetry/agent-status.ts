/**
 * What a running agent says of itself: one object, the same for `flowlogd status`, for the control socket and for the metrics.
 *
 * Its JSON is stable: members may be added, and none changes its meaning while `schema` stays the same. docs/operations.md
 * says what each is. What does not exist is null, times are Unix seconds, and totals count from the start of the agent.
 */
import type { LogStatus } from '../model/ledger.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import type { FindingsStatus } from './findings-status.ts';
import type { LedgerStatus } from './ledger-sum.ts';
import type { LiveStatus } from './live-rates.ts';
import type { LogServiceStatus } from './log-service-status.ts';
import type * as numbers from './numbers.ts';
import type { NumbersOf } from './numbers.ts';
import type { RingStatus } from './ring-status.ts';
import type { SpoolStatus } from './spool-status.ts';
import type { StateStatus } from './state-status.ts';

export const STATUS_SCHEMA = 1;
export interface WindowStatus {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly status: LogStatus;
  readonly records: number;
  readonly ledger: LedgerStatus;
}

export const INTERFACE_STATES = ['starting', 'waiting', 'capturing', 'detached'] as const;
export type InterfaceState = (typeof INTERFACE_STATES)[number];

export interface InterfaceStatus extends NumbersOf<typeof numbers.INTERFACE> {
  readonly interface: string;
  readonly interfaceId: string;
  readonly flowLogId: string;
  readonly windowSeconds: number;
  readonly state: InterfaceState;
  readonly sinceSeconds: number;
  /** Why it is waiting or detached. */
  readonly reason: string | null;
  /** Whether it is not captured because memory or file descriptors ran out. */
  readonly refused: boolean;
  /** The open window; not in any total until it is closed. */
  readonly live: LiveStatus;
  /** Whether open windows are not persisted, since when, and why. */
  readonly memoryOnly: boolean;
  readonly memoryOnlySinceSeconds: number | null;
  readonly memoryOnlyReason: string | null;
  /** Closed and durable, by log status. A window that is closed in pieces, because of late packets, counts with each. */
  readonly windows: Readonly<Record<LogStatus, number>>;
  readonly ledger: LedgerStatus;
  /** The newest first, at most `LAST_WINDOWS`. Pieces of a window are one. */
  readonly lastWindows: readonly WindowStatus[];
}

export interface RecorderNumbers extends NumbersOf<typeof numbers.RECORDER> {
  /** Of the windows that earlier runs had left open. */
  readonly recovered: RecoveredNumbers;
}

export interface RecoveredNumbers extends NumbersOf<typeof numbers.RECOVERED> {
  /** Why windows of earlier runs cannot be read now. */
  readonly failing: string | null;
}

export interface RecorderStatus extends RecorderNumbers {
  /** Why the spool cannot be written now. */
  readonly failing: string | null;
}

export interface ExporterNumbers extends NumbersOf<typeof numbers.SINK> {
  /** The name of the sink, and what it is. */
  readonly name: string;
  readonly sink: string;
  /** It gets no new batches, and delivers what is pending. */
  readonly draining: boolean;
  readonly state: string;
  readonly lastError: string | null;
}

export interface ExporterStatus extends ExporterNumbers, NumbersOf<typeof numbers.DELIVERY> {
  readonly sinceSeconds: number;
}

export type SinkStatus = ExporterStatus;

export interface DataPlaneStatus extends NumbersOf<typeof numbers.DATA_PLANE> {
  /** Whether it took a round lately; an idle one takes two a second. */
  readonly advancing: boolean;
}

export type ProcessStatus = NumbersOf<typeof numbers.PROCESS>;

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
  readonly sink: string | null;
  /** What is wrong, a sentence. */
  readonly message: string;
  /** What to do about it, a sentence. */
  readonly advice: string;
}

export interface AgentStatus {
  readonly schema: typeof STATUS_SCHEMA;
  readonly agent: AgentIdentity & ProcessStatus & NumbersOf<typeof numbers.AGENT>;
  readonly healthy: boolean;
  /** The gravest first. */
  readonly problems: readonly Problem[];
  readonly dataPlane: DataPlaneStatus;
  readonly interfaces: readonly InterfaceStatus[];
  readonly rings: RingStatus;
  /** Interfaces of flow logs that came and went before they could be captured, and what they carried. */
  readonly missedInterfaces: NumbersOf<typeof numbers.MISSED_INTERFACES>;
  readonly recorder: RecorderStatus;
  readonly spool: SpoolStatus;
  readonly state: StateStatus;
  /** The first of `sinks`. */
  readonly exporter: ExporterStatus;
  /** Each with the way to it. */
  readonly sinks: readonly SinkStatus[];
  /** Null where the agent ships to another one. */
  readonly logService: LogServiceStatus | null;
  /** Null where they are not known: before the log service has answered. */
  readonly findings: FindingsStatus | null;
  /** What is left to the process, for good. */
  readonly sandbox: Sandbox;
  /** Null where no flow log is of type NAT. */
  readonly translations: TranslationNumbers | null;
}
