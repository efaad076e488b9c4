import type { LinkChanges } from './link-changes.ts';
import type { MemoryPlaces } from './memory-places.ts';
import type { OperationalError } from './operational-error.ts';
import type { PacketBatch } from './packet-batch.ts';

/** What one `read` brought. */
export const READ = {
  /** `batch.count` packets are in the batch; of a savefile with a filter there may be none. */
  packets: 0,
  /** Nothing is pending now (live only). */
  idle: 1,
  /** The savefile ended whole. */
  end: 2,
  /** The source is of no more use; `failure` says why. Packets read before it were handed out first. */
  failed: 3,
} as const;
export type ReadStatus = (typeof READ)[keyof typeof READ];

/** Counters since the source was opened, in packets; an engine that cannot know one gives `undefined`. */
export interface CaptureStatistics {
  /** Packets that the kernel handed to this capture, dropped ones included. */
  readonly received: number | undefined;
  readonly droppedByKernel: number | undefined;
  readonly droppedByInterface: number | undefined;
  /** Packets that found the engine's own buffer full; absent for an engine without one. */
  readonly droppedByEngine?: number;
}

/** One open capture: a live interface or a savefile. */
export interface PacketSource {
  /** The interface's name, or the savefile's path. */
  readonly name: string;
  /**
   * LINKTYPE_ value (https://www.tcpdump.org/linktypes.html), as it would stand in a savefile: that of all packets of the last
   * batch. A pcapng may have several, so of a savefile it may change with every `read`.
   */
  readonly linkType: number;
  /** The kernel's number for the interface; 0 for one that stands for several, or for none. */
  readonly interfaceIndex?: number;
  /** Size of the kernel's packet ring; absent where there is none, or the engine cannot say. */
  readonly ringBytes?: number;
  /** Whether packets waited, or a failure, when `LiveEngine.wait` last came back; absent where the engine cannot say. */
  readonly isReady?: boolean;
  /**
   * Its interface is gone, and what the kernel still holds of it comes: `read` answers idle or packets until that is over, then
   * `failed`. Idle says nothing of an interface that has the name by now.
   */
  readonly isEnding?: boolean;
  /** Of a compressed savefile, how much was read of the file. */
  readonly fileBytes?: number | undefined;
  /** Why `read` answered `failed`. */
  readonly failure: OperationalError | undefined;
  /** Fills the batch from its start, with as much as is pending and fits. A live source never blocks here: `LiveEngine.wait` does. */
  read(batch: PacketBatch): ReadStatus | Promise<ReadStatus>;
  /**
   * No packet that arrives from now on comes in; those that have arrived stay to be read, the last of them once the engine's
   * `holdMs` is over. False, or absent, where that cannot be.
   */
  stopIntake?(): boolean;
  statistics(): CaptureStatistics;
  close(): void;
}

/** NFLOG groups are numbered in sixteen bits (nfnetlink_log). */
export const NFLOG_GROUP_MAX = 0xffff;

export interface LiveOptions {
  readonly interfaceName: string;
  /** Bytes kept of each frame. */
  readonly snapBytes: number;
  /** Size of the kernel's packet ring, at most. */
  readonly bufferBytes: number;
  readonly promiscuous: boolean;
  /** Whether records tell the segmentation of their frames. An engine that cannot refuses. */
  readonly tellsSegments?: boolean;
  /** A pcap-filter(7) expression; empty accepts everything. */
  readonly filter: string;
}

/** How an engine is asked. */
export interface OpenOptions extends LiveOptions {
  /** The capture was closed, and what it took of the system is free, which may be later. Called once. */
  readonly onClosed?: () => void;
}

export interface SavefileOptions {
  /** A path, or `-` for standard input. */
  readonly path: string;
  readonly filter: string;
  /** Where an engine that leaves frames where they are has its buffer; it gives the place back when it is closed. */
  readonly places?: MemoryPlaces | undefined;
}

/** A way to capture from interfaces. */
export interface LiveEngine {
  /** Its name in the table of engines (capture/engines.ts). */
  readonly name: string;
  /** What this engine cannot do, one sentence each; told to the user at start. */
  readonly limits: readonly string[];
  /** How long a packet that has arrived may be held back from `read`. */
  readonly holdMs: number;
  /** @throws OperationalError `capture.permission`, `capture.no-interface`, `capture.no-room`, `capture.filter` or `capture.failed`. */
  open(options: OpenOptions): PacketSource;
  /** From now on a wait ends, too, when this file descriptor can be read. Absent where an engine does not wait for descriptors. */
  alsoWaitFor?(fileDescriptor: number): void;
  /**
   * Whoever calls this tells by the answer which interfaces came, went or were renamed: until then the engine need not ask whether
   * the interfaces of its captures still have their names. Absent where an engine does not ask.
   */
  followNames?(): (changes: LinkChanges) => void;
  /** Waits until one of the sources has packets or has failed, at most `timeoutMs`. */
  wait(sources: readonly PacketSource[], timeoutMs: number): void | Promise<void>;
}

/** A way to read savefiles. */
export interface SavefileEngine {
  /** Its name in the table of engines (capture/engines.ts). */
  readonly name: string;
  /** @throws OperationalError `savefile.unreadable`, `savefile.format` or `capture.filter`. */
  open(options: SavefileOptions): PacketSource | Promise<PacketSource>;
}
