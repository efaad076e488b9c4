import type { Window } from '../flow/window.ts';
import type { PersistedFiles } from '../model/closed-window.ts';
import { keysIcmp, type ObservationPoint } from '../model/flow-log.ts';
import type { Gap, GapReason } from '../model/ledger.ts';
import type { LiveFigures } from '../model/live-figures.ts';
import { type ErrorCode, OperationalError } from '../model/operational-error.ts';
import { firstSeconds, type PacketBatch } from '../model/packet-batch.ts';
import { type LiveEngine, type LiveOptions, type PacketSource, READ } from '../model/packet-source.ts';
import type { Rejection } from '../model/rejection.ts';
import type { TablePurpose } from '../model/table-memory.ts';
import type { NflogPacket } from '../packet/nflog.ts';
import { AttachLoss, type LinkPackets } from './attach-loss.ts';
import { Attachment, type Capture } from './attachment.ts';
import type { Clocks } from './clock-watch.ts';
import { DropWatch } from './drop-watch.ts';
import { NO_DROPS } from './drops.ts';
import { Gaps, type OpenGap } from './gaps.ts';
import { Meter, type MeterOptions } from './meter.ts';
import { RejectMeter } from './reject-meter.ts';
import { GRACE_SECONDS } from './rotation.ts';
import type { TapEvent } from './tap-event.ts';
import { TapFigures } from './tap-figures.ts';
import { Watermark } from './watermark.ts';
import { WindowCoverage } from './window-coverage.ts';
import type { WindowJournal } from './window-journal.ts';

export interface TapOptions {
  readonly point: ObservationPoint;
  readonly capture: LiveOptions;
  readonly engine: LiveEngine;
  readonly meter: Omit<MeterOptions, 'onClosed' | 'windowSeconds' | 'keysIcmp'>;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly clocks: () => Clocks;
  /** When the interface appeared, Unix seconds, where that was while the agent ran: what it carried before its capture is a gap. */
  readonly appearedAtSeconds?: number | undefined;
  readonly packetsOf?: LinkPackets | undefined;
  /** Where the windows outlive a kill; without it they live in memory alone. */
  readonly journal?: WindowJournal | undefined;
  /** Whether a table may take so many bytes more now; where it may not, its window is coarsened early. */
  readonly hasRoom?: (bytes: number) => boolean;
  /** Told several times a second how the tap does now. */
  readonly onFigures?: (figures: LiveFigures) => void;
  /** `files` are the window's, where a journal has made some. */
  readonly onClosed: (point: ObservationPoint, window: Window, files: PersistedFiles | undefined) => void;
  readonly onEvent: (point: ObservationPoint, event: TapEvent) => void;
}

/** How long after a failed attempt to open its interface a tap tries again. */
const REATTACH_MS = 500;
/** Batches read from one tap before the others have their turn. */
const BATCHES_PER_ROUND = 64;
/** What passes by itself: the interface is not there or down, or the kernel refuses for now. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['capture.no-interface', 'capture.no-room', 'capture.failed']);

/** @param code why there is no capture */
function gapReason(code: ErrorCode | undefined): GapReason {
  return code === 'capture.gone' || code === 'capture.no-interface' ? 'interface-gone' : 'capture-failed';
}

/**
 * One observation point at work: its capture and its meter. When the interface goes away the tap keeps closing its windows,
 * tries to open the interface again by name, and writes the time without capture into their ledgers.
 */
export class Tap {
  readonly #options: TapOptions;
  readonly #meter: Meter;
  readonly #rejectMeter: RejectMeter;
  readonly #attachment: Attachment;
  readonly #drops: DropWatch;
  readonly #attachLoss: AttachLoss;
  readonly #gaps = new Gaps();
  readonly #watermark = new Watermark();
  readonly #coverage: WindowCoverage;
  readonly #figures: TapFigures;
  #detached: OpenGap | undefined;
  /** Why the interface could not be captured yet, until it was for the first time. */
  #waitReason: string | undefined;
  #verdictsLost: OpenGap | undefined;
  /** By the clock that nobody sets. */
  #retryAtMs = 0;

  constructor(options: TapOptions) {
    this.#options = options;
    const { journal, hasRoom = () => true, point, now } = options;
    const allocate = journal?.allocate ?? options.meter.allocate;
    const meter = {
      ...options.meter,
      keysIcmp: keysIcmp(point.flowLog),
      allocate: (bytes: number, purpose: TablePurpose) => (hasRoom(bytes) ? allocate(bytes, purpose) : undefined),
    };
    this.#meter = new Meter({
      ...meter,
      onOpened: (window) => this.#windowOpened(window),
      windowSeconds: point.flowLog.windowSeconds,
      onClosed: (window) => this.#closed(window),
    });
    this.#rejectMeter = new RejectMeter(this.#meter, meter);
    this.#attachment = new Attachment(options);
    this.#drops = new DropWatch(this.#attachment, this.#gaps, point.flowLog.windowSeconds);
    this.#attachLoss = new AttachLoss(options.packetsOf ?? (() => undefined), point.interfaceName);
    if (options.appearedAtSeconds !== undefined) this.#attachLoss.appeared(options.appearedAtSeconds);
    this.#figures = new TapFigures(options.onFigures, now);
    this.#coverage = new WindowCoverage({
      ...options,
      meter: this.#meter,
      gaps: this.#gaps,
      watermark: this.#watermark,
      absentSince: () => journal?.absentSince,
      onEvent: (event) => this.#emit(event),
    });
  }

  /**
   * @param capture one that goes on from another tap of the same interface; opened when absent
   * @throws OperationalError when the interface cannot be captured now
   */
  attach(capture?: Capture): void {
    if (capture === undefined) this.#open();
    else this.#take(capture);
    this.#begin();
    this.#enterAttachLoss(false);
    this.#emit({ kind: 'attached' });
  }

  /**
   * Attaches; where the interface is not there, down or refusing for now, it waits for it, and its windows have the gap.
   *
   * @throws OperationalError what only a change of permissions or of the configuration cures
   */
  attachOrWait(): void {
    try {
      this.attach();
    } catch (error) {
      if (!(error instanceof OperationalError) || !PASSING.has(error.code)) throw error;
      const seconds = this.#seconds();
      // One that has just been made is down at first, and what it carries before its capture is counted.
      if (this.#options.appearedAtSeconds === undefined || error.code !== 'capture.no-interface') {
        this.#detached = this.#gaps.begin(gapReason(error.code), seconds);
      }
      this.#attachLoss.waits(seconds);
      this.#retryAtMs = this.#options.clocks().awakeMs + REATTACH_MS;
      this.#begin();
      this.#waits(error.message);
    }
  }

  get point(): ObservationPoint {
    return this.#options.point;
  }

  /** The kernel's number for the interface, the last that was captured; 0 where there was none. */
  get interfaceIndex(): number {
    return this.#attachment.interfaceIndex;
  }

  get source(): PacketSource | undefined {
    return this.#attachment.source;
  }

  /**
   * Nothing that arrives from now on is counted; what has arrived still is. Before an end: so it is a clean cut, and the next
   * gap begins there.
   */
  stopIntake(): void {
    const seconds = this.#seconds();
    if (this.source?.stopIntake?.() !== true) return;
    this.#drops.look(this.#seconds());
    this.#watermark.stopIntake(seconds);
  }

  /** Whether what waits is all that will ever come. */
  get isIntakeStopped(): boolean {
    return this.#watermark.stoppedAt < Number.POSITIVE_INFINITY;
  }

  /** An interface has come or changed: one that is waited for is tried at once. */
  retryNow(): void {
    if (this.source !== undefined) return;
    this.retrySoon();
    this.#reattach();
  }

  /** The same with the next drain. */
  retrySoon(): void {
    this.#retryAtMs = 0;
  }

  /** Takes in what waits, up to a bound; answers whether nothing more waits. */
  async drain(batch: PacketBatch): Promise<boolean> {
    this.#watermark.beginDrain(this.#seconds());
    this.#lookAtDrops();
    if (this.source === undefined) this.#reattach();
    for (let round = 0; round < BATCHES_PER_ROUND && this.source !== undefined; round++) {
      const read = this.source.read(batch);
      const status = typeof read === 'number' ? read : await read;
      if (status === READ.packets) this.#count(batch, this.source);
      else if (status === READ.idle) return this.#idle(this.source);
      else this.#detach(this.source.failure?.message ?? 'the capture ended');
    }
    return this.source === undefined;
  }

  /** Where a packet that the filter logged met this point: `came-in` was seen by the tap, `going-out` never came to it. */
  sideOf({ indexIn, indexOut, physicalIn, physicalOut }: NflogPacket): 'came-in' | 'going-out' | 'elsewhere' {
    const index = this.#attachment.interfaceIndex;
    const isIn = index === 0 ? indexIn !== 0 : indexIn === index || physicalIn === index;
    if (isIn && this.source !== undefined) return 'came-in';
    const isOut = index === 0 ? indexIn === 0 : indexOut === index || physicalOut === index;
    return isIn || isOut ? 'going-out' : 'elsewhere';
  }

  /** @param at where the record begins that `packet` was read from */
  reject(packet: NflogPacket, view: DataView, at: number, rejection: Rejection): void {
    if (packet.seconds + packet.microseconds / 1e6 >= this.#watermark.stoppedAt) return;
    this.#rejectMeter.add(packet, view, at, rejection);
  }

  /** So many rejections were lost between two that were read; where a border of a window lies between, neither window is whole. */
  rejectsLost(fromSeconds: number, toSeconds: number, packets: number): void {
    this.#rejectMeter.lost(toSeconds, packets);
    const { start } = this.#meter.windowAt(toSeconds);
    if (fromSeconds >= start) return;
    this.#gaps.add({ fromSeconds, toSeconds, reason: 'verdicts-unknown' });
    this.#meter.windowAt(fromSeconds);
  }

  /** From now on nobody knows what the packet filter rejects. */
  verdictsLost(reason: string): void {
    this.#verdictsLost = this.#gaps.begin('verdicts-unknown', this.#seconds());
    this.#emit({ kind: 'verdicts-lost', reason });
  }

  verdictsBack(): void {
    if (this.#verdictsLost === undefined) return;
    const gapSeconds = this.#gaps.end(this.#verdictsLost, this.#seconds());
    this.#verdictsLost = undefined;
    this.#emit({ kind: 'verdicts-back', gapSeconds });
  }

  /**
   * Closes the windows that end at or before `seconds`, and opens the present one. When packets still wait (`drained` is
   * false) only windows older than the one that the last packet fell into are known to be complete.
   */
  closeBefore(seconds: number, drained: boolean): void {
    this.#coverage.lookAtClocks();
    const now = Math.min(this.#seconds(), this.#watermark.stoppedAt);
    // Who said so may not know yet that the clock was set back.
    const due = Math.min(seconds, now - GRACE_SECONDS);
    if (drained) {
      this.#coverage.cover(now);
      this.#enterDrops();
      this.#meter.closeBefore(due);
      this.#coverage.closeStrays(now);
      this.#meter.open(now);
    } else {
      this.#meter.closeBefore(Math.min(due, this.#meter.currentWindow?.start ?? due));
    }
    this.#note(drained);
    const { windows, currentWindow } = this.#meter;
    const memoryOnlyTables = this.#options.journal?.memoryOnlyTables ?? 0;
    this.#figures.emit(windows, currentWindow, this.#drops.pending, memoryOnlyTables);
  }

  /** A closed window is safe elsewhere. */
  released(window: Window): void {
    this.#figures.released();
    this.#options.journal?.released(window);
    window.release();
  }

  end(): void {
    this.handOver()?.source.close();
  }

  /** Ends without its capture, which another tap may go on with; undefined while the interface is away. */
  handOver(): Capture | undefined {
    if (!this.isIntakeStopped) this.#drops.look(this.#seconds());
    this.#enterDrops();
    this.#meter.closeAll();
    const untilSeconds = this.source === undefined ? this.#seconds() : this.#watermark.readUntil;
    const capture = this.#attachment.release();
    if (this.#watermark.observedUntil > 0) this.#options.journal?.observedUntil(untilSeconds);
    this.#options.journal?.close();
    return capture;
  }

  /** After its end: the point is given up, and not only for as long as the agent does not run. */
  forget(): void {
    this.#options.journal?.forget();
  }

  #emit(event: TapEvent): void {
    this.#options.onEvent(this.#options.point, event);
  }

  #begin(): void {
    const seconds = this.#seconds();
    this.#coverage.begin(seconds);
    this.#watermark.beginDrain(seconds);
    this.#note(true);
  }

  /** @param hasGap whether the ledgers have the time already */
  #enterAttachLoss(hasGap: boolean): void {
    const loss = this.#attachLoss.attached(this.source!, this.#options.capture.filter !== '');
    if (loss === undefined) return;
    const { fromSeconds, packets } = loss;
    const seconds = this.#seconds();
    if (!hasGap) {
      this.#gaps.add({ fromSeconds, toSeconds: seconds, reason: 'before-attach' });
      this.#coverage.reopen(fromSeconds, seconds);
    }
    this.#meter.windowAt(seconds).ledger.beforeAttach += packets;
    this.#emit({ kind: 'before-attach', packets, gapSeconds: seconds - fromSeconds });
  }

  #waits(reason: string): void {
    if (reason !== this.#waitReason) this.#emit({ kind: 'waiting', reason });
    this.#waitReason = reason;
  }

  #seconds(): number {
    return this.#options.now() / 1000;
  }

  #open(): void {
    this.#attachment.open();
    this.#beginCapture();
  }

  #take(capture: Capture): void {
    this.#attachment.take(capture);
    this.#beginCapture();
  }

  #beginCapture(): void {
    const seconds = this.#seconds();
    this.#watermark.beginCapture(seconds);
    this.#drops.begin(seconds);
  }

  #count(batch: PacketBatch, { isEnding }: PacketSource): void {
    if (isEnding !== true) this.#watermark.readBatch(firstSeconds(batch));
    this.#meter.add(batch, this.#attachment.decode);
    this.#lookAtDrops();
  }

  /** What is read of an interface that is gone says nothing of another that may have its name. */
  #idle({ isEnding }: PacketSource): boolean {
    if (isEnding === true) return false;
    this.#watermark.readAll(this.#options.engine.holdMs);
    return true;
  }

  /**
   * The gap begins where reading was last known to be whole, not when the loss is noticed: by then another interface of that
   * name may have received packets, and the dead capture may have held some that nobody can read.
   */
  #detach(reason: string): void {
    this.#coverage.lookAtClocks();
    this.#drops.look(this.#seconds());
    const code = this.source?.failure?.code;
    this.#attachment.close();
    const fromSeconds = Math.min(this.#watermark.readUntil, this.#seconds());
    this.#detached = this.#gaps.begin(gapReason(code), fromSeconds);
    this.#retryAtMs = this.#options.clocks().awakeMs + REATTACH_MS;
    this.#emit({ kind: 'detached', reason });
  }

  #reattach(): void {
    const { awakeMs } = this.#options.clocks();
    if (awakeMs < this.#retryAtMs || this.isIntakeStopped) return;
    try {
      this.#open();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.#retryAtMs = awakeMs + REATTACH_MS;
      if (this.#waitReason !== undefined) this.#waits(error.message);
      return;
    }
    const hasGap = this.#detached !== undefined;
    const gapSeconds = this.#detached === undefined ? 0 : this.#gaps.end(this.#detached, this.#seconds());
    this.#detached = undefined;
    this.#enterAttachLoss(hasGap);
    this.#emit(this.#waitReason === undefined ? { kind: 're-attached', gapSeconds } : { kind: 'attached' });
    this.#waitReason = undefined;
  }

  #closed(window: Window): void {
    this.#drops.enter(window.start, window.ledger);
    this.#countGaps(window);
    this.#figures.closed(window.ledger);
    const files = this.#options.journal?.handOver(window, {
      ...NO_DROPS,
      untilSeconds: this.#watermark.observedUntil,
      isClosed: true,
    });
    this.#options.onClosed(this.#options.point, window, files);
  }

  #windowOpened(window: Window): void {
    this.#options.journal?.opened(window);
    this.#coverage.windowOpened(window);
  }

  /** Writes down how far this tap has come, for whoever starts after a kill. */
  #note(drained: boolean): void {
    const { journal } = this.#options;
    if (journal === undefined) return;
    this.#coverage.resume();
    const current = this.#meter.currentWindow;
    const untilSeconds = this.#watermark.reached(drained, current?.start);
    for (const window of this.#meter.windows) {
      const drops = this.#drops.pendingOf(window.start);
      journal.note(window, this.#gapsOf(window), { ...drops, untilSeconds, isClosed: false });
    }
    // Only now: a gap that begins here must not hide what the notes do not say yet.
    journal.observedUntil(untilSeconds);
    this.#watermark.noted(untilSeconds);
  }

  /** After the end of the intake the interface goes on to count. */
  #lookAtDrops(): void {
    if (!this.isIntakeStopped) this.#drops.lookWhenDue(this.#seconds());
  }

  /** A window in which nothing but drops came is opened for them. */
  #enterDrops(): void {
    for (const start of this.#drops.pendingStarts) this.#drops.enter(start, this.#meter.windowAt(start).ledger);
  }

  #countGaps(window: Window): void {
    window.ledger.gaps.push(...this.#gapsOf(window));
    const end = window.start + this.#options.point.flowLog.windowSeconds;
    this.#gaps.forgetUpTo(Math.min(end, this.#meter.firstStart, this.#coverage.coveredBefore));
  }

  #gapsOf({ start }: Window): readonly Gap[] {
    return this.#gaps.within(start, start + this.#options.point.flowLog.windowSeconds, this.#seconds());
  }
}
