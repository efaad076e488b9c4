import type { Window } from '../flow/window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Gap, GapReason } from '../model/ledger.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { PacketBatch } from '../model/packet-batch.ts';
import {
  type CaptureStatistics,
  type LiveEngine,
  type LiveOptions,
  type PacketSource,
  READ,
} from '../model/packet-source.ts';
import type { Decoder } from '../packet/decode.ts';
import { decoderFor } from '../packet/link-type.ts';
import { Meter, type MeterOptions } from './meter.ts';

export interface TapOptions {
  readonly point: ObservationPoint;
  readonly capture: LiveOptions;
  readonly engine: LiveEngine;
  readonly meter: Omit<MeterOptions, 'onClosed' | 'windowSeconds'>;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onClosed: (point: ObservationPoint, window: Window) => void;
  readonly onEvent: (point: ObservationPoint, event: TapEvent) => void;
}

export type TapEvent =
  | { readonly kind: 'attached' }
  | { readonly kind: 'detached'; readonly reason: string }
  | { readonly kind: 're-attached'; readonly gapSeconds: number };

/** How long after a failed attempt to open its interface a tap tries again. */
const REATTACH_MS = 500;
/** Batches read from one tap before the others have their turn. */
const BATCHES_PER_ROUND = 64;

const NO_STATISTICS: CaptureStatistics = { received: 0, droppedByKernel: 0, droppedByInterface: 0 };

/**
 * One observation point at work: its capture and its meter. When the interface goes away the tap keeps closing its windows,
 * tries to open the interface again by name, and writes the time without capture into their ledgers.
 */
export class Tap {
  readonly #options: TapOptions;
  readonly #meter: Meter;
  #source: PacketSource | undefined;
  #decode: Decoder | undefined;
  #counted: CaptureStatistics = NO_STATISTICS;
  #gap: { fromSeconds: number; reason: GapReason } | undefined;
  #gaps: Gap[] = [];
  #retryAt = 0;

  constructor(options: TapOptions) {
    this.#options = options;
    this.#meter = new Meter({
      ...options.meter,
      windowSeconds: options.point.flowLog.windowSeconds,
      onClosed: (window) => this.#closed(window),
    });
  }

  /** @throws OperationalError when the interface cannot be captured now */
  attach(): void {
    this.#open();
    this.#meter.open(this.#seconds());
    this.#options.onEvent(this.#options.point, { kind: 'attached' });
  }

  get source(): PacketSource | undefined {
    return this.#source;
  }

  /** Takes in what waits, up to a bound; answers whether nothing more waits. */
  async drain(batch: PacketBatch): Promise<boolean> {
    if (this.#source === undefined) this.#reattach();
    for (let round = 0; round < BATCHES_PER_ROUND && this.#source !== undefined; round++) {
      const read = this.#source.read(batch);
      const status = typeof read === 'number' ? read : await read;
      if (status === READ.packets) this.#meter.add(batch, this.#decode!);
      else if (status === READ.idle) return true;
      else this.#detach(this.#source.failure?.message ?? 'the capture ended');
    }
    return this.#source === undefined;
  }

  /**
   * Closes the windows that end at or before `seconds`, and opens the present one. When packets still wait (`drained` is
   * false) only windows older than the one that the last packet fell into are known to be complete.
   */
  closeBefore(seconds: number, drained: boolean): void {
    if (drained) {
      this.#meter.closeBefore(seconds);
      this.#meter.open(this.#seconds());
    } else {
      this.#meter.closeBefore(Math.min(seconds, this.#meter.currentWindow?.start ?? seconds));
    }
  }

  end(): void {
    this.#meter.closeAll();
    this.#source?.close();
    this.#source = undefined;
  }

  #seconds(): number {
    return this.#options.now() / 1000;
  }

  #open(): void {
    const { engine, capture, point } = this.#options;
    const source = engine.open(capture);
    const decode = decoderFor(source.linkType);
    if (decode === undefined) {
      source.close();
      throw new OperationalError(
        'savefile.link-type',
        `${point.interfaceName} has link type ${source.linkType}, whose packets flowlogd cannot decode; choose another interface.`,
      );
    }
    this.#source = source;
    this.#decode = decode;
    this.#counted = NO_STATISTICS;
  }

  #detach(reason: string): void {
    this.#countDrops(this.#meter.currentWindow);
    const gone = this.#source?.failure?.code === 'capture.gone';
    this.#source?.close();
    this.#source = undefined;
    this.#gap = { fromSeconds: this.#seconds(), reason: gone ? 'interface-gone' : 'capture-failed' };
    this.#retryAt = this.#options.now() + REATTACH_MS;
    this.#options.onEvent(this.#options.point, { kind: 'detached', reason });
  }

  #reattach(): void {
    if (this.#options.now() < this.#retryAt) return;
    try {
      this.#open();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.#retryAt = this.#options.now() + REATTACH_MS;
      return;
    }
    const { fromSeconds, reason } = this.#gap!;
    const toSeconds = this.#seconds();
    this.#gaps.push({ fromSeconds, toSeconds, reason });
    this.#gap = undefined;
    this.#options.onEvent(this.#options.point, { kind: 're-attached', gapSeconds: toSeconds - fromSeconds });
  }

  #closed(window: Window): void {
    this.#countDrops(window);
    this.#countGaps(window);
    this.#options.onClosed(this.#options.point, window);
  }

  /** What was dropped since the last look belongs to the window that closes now. */
  #countDrops(window: Window | undefined): void {
    if (this.#source === undefined || window === undefined) return;
    const before = this.#counted;
    const now = this.#source.statistics();
    this.#counted = now;
    // What an engine's own buffer lost is lost between kernel and meter, too.
    const beyondKernel = (now.droppedByEngine ?? 0) - (before.droppedByEngine ?? 0);
    window.ledger.droppedByKernel += (now.droppedByKernel ?? 0) - (before.droppedByKernel ?? 0) + beyondKernel;
    window.ledger.droppedByInterface += (now.droppedByInterface ?? 0) - (before.droppedByInterface ?? 0);
    if (now.droppedByKernel === undefined) window.ledger.dropsUnknown = true;
  }

  /** The parts of the gaps that lie in the window. */
  #countGaps(window: Window): void {
    const end = window.start + this.#options.point.flowLog.windowSeconds;
    const open = this.#gap === undefined ? [] : [{ ...this.#gap, toSeconds: this.#seconds() }];
    for (const gap of [...this.#gaps, ...open]) {
      const fromSeconds = Math.max(gap.fromSeconds, window.start);
      const toSeconds = Math.min(gap.toSeconds, end);
      if (fromSeconds < toSeconds) window.ledger.gaps.push({ fromSeconds, toSeconds, reason: gap.reason });
    }
    this.#gaps = this.#gaps.filter((gap) => gap.toSeconds > end);
  }
}
