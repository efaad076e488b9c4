/**
 * What a running agent says of itself: one object, the same for `flowlogd status`, for the control socket and for the metrics.
 *
 * Its JSON is stable: members may be added, and none changes its meaning while `schema` stays the same. docs/operations.md
 * says what each is. What does not exist is null, times are Unix seconds, and totals count from the start of the agent.
 */
import type { LogStatus } from '../model/ledger.ts';
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import type { LedgerStatus } from './ledger-sum.ts';
import type { LiveStatus } from './live-rates.ts';
import type { LogServiceStatus } from './log-service-status.ts';
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
  readonly memoryOnly: boolean;
  readonly memoryOnlySinceSeconds: number | null;
  readonly memoryOnlyReason: string | null;
  readonly memoryOnlyTables: number;
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
  readonly windowsEvicted: number;
  readonly packetsEvicted: number;
  readonly ledgersMerged: number;
  readonly pendingWindows: number;
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
  readonly quarantined: number;
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
  /** That it owes, on disk. */
  readonly pendingBatches: number;
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
  readonly sink: string | null;
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
