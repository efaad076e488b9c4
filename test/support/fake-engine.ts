/** A capture engine without a kernel: tests say what waits, what fails and what was dropped. Time is a number they set. */
import { OperationalError } from '../../agent/model/operational-error.ts';
import type { PacketBatch } from '../../agent/model/packet-batch.ts';
import {
  type CaptureStatistics,
  type LiveEngine,
  type OpenOptions,
  type PacketSource,
  READ,
  type ReadStatus,
} from '../../agent/model/packet-source.ts';
import { type BatchPacket, fillBatch } from './packet-batch.ts';

export class FakeSource implements PacketSource {
  readonly name: string;
  readonly linkType: number;
  readonly interfaceIndex: number;
  failure: OperationalError | undefined;
  counted: CaptureStatistics = { received: 0, droppedByKernel: 0, droppedByInterface: 0 };
  /** Packets that the kernel holds for this capture. */
  waiting: BatchPacket[] = [];
  closed = false;
  isReady = true;
  /** Whether its kernel can end what comes in, and has. */
  canStop = false;
  stopped = false;
  reads = 0;
  onClosed: (() => void) | undefined;
  readonly #packetsPerRead: number;

  constructor(name: string, linkType: number, packetsPerRead: number, interfaceIndex: number) {
    this.name = name;
    this.linkType = linkType;
    this.interfaceIndex = interfaceIndex;
    this.#packetsPerRead = packetsPerRead;
  }

  read(batch: PacketBatch): ReadStatus {
    if (this.closed) throw new Error('read after close');
    this.reads += 1;
    const packets = this.waiting.splice(0, this.#packetsPerRead);
    if (packets.length === 0) return this.failure === undefined ? READ.idle : READ.failed;
    fillBatch(batch, packets);
    return READ.packets;
  }

  stopIntake(): boolean {
    this.stopped = this.canStop;
    return this.stopped;
  }

  statistics(): CaptureStatistics {
    if (this.closed) throw new Error('statistics after close');
    return this.counted;
  }

  close(): void {
    this.closed = true;
    this.onClosed?.();
  }
}

export class FakeEngine implements LiveEngine {
  readonly name = 'libpcap';
  readonly limits = [];
  holdMs = 0;
  /** Every source that was opened, the newest last. */
  readonly opened: FakeSource[] = [];
  /** The rings that were asked for. */
  readonly bufferBytes: number[] = [];
  /** What the next attempts to open answer. */
  refusal: Error | undefined;
  linkType = 1;
  interfaceIndex = 0;
  /** What its sources have received when they are opened. */
  received = 0;
  packetsPerRead = 100;
  attempts = 0;
  /** What happens while the data plane waits: the outside world's turn. */
  onWait: (sources: readonly PacketSource[], timeoutMs: number) => void = () => undefined;

  open({ interfaceName, bufferBytes, onClosed }: OpenOptions): FakeSource {
    this.attempts += 1;
    if (this.refusal !== undefined) throw this.refusal;
    const source = new FakeSource(interfaceName, this.linkType, this.packetsPerRead, this.interfaceIndex);
    source.onClosed = onClosed;
    this.bufferBytes.push(bufferBytes);
    source.counted = { ...source.counted, received: this.received };
    this.opened.push(source);
    return source;
  }

  wait(sources: readonly PacketSource[], timeoutMs: number): void {
    this.onWait(sources, timeoutMs);
  }

  get newest(): FakeSource {
    return this.opened.at(-1)!;
  }
}

export function interfaceGone(name: string): OperationalError {
  return new OperationalError('capture.gone', `${name} disappeared.`);
}
