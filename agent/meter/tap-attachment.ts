/**
 * Attaches a tap to its interface: at its beginning, and again by name whenever the interface comes back. The time in between is a
 * gap, and what the interface carried before its capture is counted where its counters tell.
 */
import type { ObservationPoint } from '../model/flow-log.ts';
import type { GapReason } from '../model/ledger.ts';
import { type ErrorCode, OperationalError } from '../model/operational-error.ts';
import type { LiveOptions } from '../model/packet-source.ts';
import { AttachLoss, type LinkPackets } from './attach-loss.ts';
import type { Attachment, Capture } from './attachment.ts';
import type { Clocks } from './clock-watch.ts';
import type { DropWatch } from './drop-watch.ts';
import type { Gaps, OpenGap } from './gaps.ts';
import type { TapEvent } from './tap-event.ts';
import type { Watermark } from './watermark.ts';
import type { WindowDriver } from './window-driver.ts';

export interface TapAttachmentOptions {
  readonly point: ObservationPoint;
  readonly capture: LiveOptions;
  /** When the interface appeared, Unix seconds, where that was while the agent ran: what it carried before its capture is a gap. */
  readonly appearedAtSeconds?: number | undefined;
  readonly packetsOf?: LinkPackets | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly clocks: () => Clocks;
  readonly onEvent: (event: TapEvent) => void;
}

/** What a tap is made of beside it. */
export interface TapParts {
  readonly attachment: Attachment;
  readonly gaps: Gaps;
  readonly drops: DropWatch;
  readonly watermark: Watermark;
  readonly windows: WindowDriver;
}

/** From a failed attempt to open the interface to the next. */
const REATTACH_MS = 500;
/** What passes by itself: the interface is not there or down, or the kernel refuses for now. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['capture.no-interface', 'capture.no-room', 'capture.failed']);

export class TapAttachment {
  readonly #options: TapAttachmentOptions;
  readonly #parts: TapParts;
  readonly #attachLoss: AttachLoss;
  #detached: OpenGap | undefined;
  /** Why the interface could not be captured yet, until it was for the first time. */
  #waitReason: string | undefined;
  /** By the clock that nobody sets. */
  #retryAtMs = 0;

  constructor(options: TapAttachmentOptions, parts: TapParts) {
    const { packetsOf = () => undefined, point, appearedAtSeconds } = options;
    this.#options = options;
    this.#parts = parts;
    this.#attachLoss = new AttachLoss(packetsOf, point.interfaceName);
    if (appearedAtSeconds !== undefined) this.#attachLoss.appeared(appearedAtSeconds);
  }

  /**
   * @param capture one that continues from another tap of the same interface; opened when absent
   * @throws OperationalError when the interface cannot be captured now
   */
  attach(capture?: Capture): void {
    if (capture === undefined) this.#parts.attachment.open();
    else this.#parts.attachment.take(capture);
    this.#captureBegun();
    this.#parts.windows.begin();
    this.#enterAttachLoss(false);
    this.#options.onEvent({ kind: 'attached' });
  }

  /**
   * Attaches; an interface that is not there, down or refusing for now is tried again, and its windows have the gap.
   *
   * @throws OperationalError what only a change of permissions or of the configuration cures
   */
  attachOrRetry(): void {
    try {
      this.attach();
    } catch (error) {
      if (!(error instanceof OperationalError) || !PASSING.has(error.code)) throw error;
      const seconds = this.#seconds();
      // One that has just been made is down at first, and what it carries before its capture is counted.
      if (this.#options.appearedAtSeconds === undefined || error.code !== 'capture.no-interface') {
        this.#detached = this.#parts.gaps.begin(gapReason(error.code), seconds);
      }
      this.#attachLoss.waits(seconds);
      this.#retryAtMs = this.#options.clocks().awakeMs + REATTACH_MS;
      this.#parts.windows.begin();
      this.#setWaitReason(error.message);
    }
  }

  /** The next attempt is due at once. */
  retrySoon(): void {
    this.#retryAtMs = 0;
  }

  /**
   * The capture has ended. The gap begins where reading was last known to be whole, not when the loss is noticed: by then another
   * interface of that name may have received packets, and the dead capture may have held some that nobody can read.
   */
  detach(): void {
    const { attachment, drops, gaps, watermark, windows } = this.#parts;
    const failure = attachment.source?.failure;
    windows.coverage.lookAtClocks();
    drops.look(this.#seconds());
    attachment.close();
    const fromSeconds = Math.min(watermark.readUntil, this.#seconds());
    this.#detached = gaps.begin(gapReason(failure?.code), fromSeconds);
    this.#retryAtMs = this.#options.clocks().awakeMs + REATTACH_MS;
    this.#options.onEvent({ kind: 'detached', reason: failure?.message ?? 'the capture ended' });
  }

  /** Where an attempt is due. */
  reattach(): void {
    const { attachment, gaps, watermark } = this.#parts;
    const { awakeMs } = this.#options.clocks();
    if (awakeMs < this.#retryAtMs || watermark.isStopped) return;
    try {
      attachment.open();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.#retryAtMs = awakeMs + REATTACH_MS;
      if (this.#waitReason !== undefined) this.#setWaitReason(error.message);
      return;
    }
    this.#captureBegun();
    const hasGap = this.#detached !== undefined;
    const gapSeconds = this.#detached === undefined ? 0 : gaps.end(this.#detached, this.#seconds());
    this.#detached = undefined;
    this.#enterAttachLoss(hasGap);
    this.#options.onEvent(this.#waitReason === undefined ? { kind: 're-attached', gapSeconds } : { kind: 'attached' });
    this.#waitReason = undefined;
  }

  #captureBegun(): void {
    const seconds = this.#seconds();
    this.#parts.watermark.beginCapture(seconds);
    this.#parts.drops.begin(seconds);
  }

  /** @param hasGap whether the ledgers have the time already */
  #enterAttachLoss(hasGap: boolean): void {
    const { attachment, gaps, windows } = this.#parts;
    const loss = this.#attachLoss.attached(attachment.source!, this.#options.capture.filter !== '');
    if (loss === undefined) return;
    const { fromSeconds, packets } = loss;
    const seconds = this.#seconds();
    if (!hasGap) {
      gaps.add({ fromSeconds, toSeconds: seconds, reason: 'before-attach' });
      windows.coverage.reopen(fromSeconds, seconds);
    }
    windows.meter.windowAt(seconds).ledger.beforeAttach += packets;
    this.#options.onEvent({ kind: 'before-attach', packets, gapSeconds: seconds - fromSeconds });
  }

  #setWaitReason(reason: string): void {
    if (reason !== this.#waitReason) this.#options.onEvent({ kind: 'waiting', reason });
    this.#waitReason = reason;
  }

  #seconds(): number {
    return this.#options.now() / 1000;
  }
}

/** @param code why there is no capture */
function gapReason(code: ErrorCode | undefined): GapReason {
  return code === 'capture.gone' || code === 'capture.no-interface' ? 'interface-gone' : 'capture-failed';
}
