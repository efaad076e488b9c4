import type { Window } from '../flow/window.ts';
import type { KeptFiles } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { type Gap, type GapReason, lostPackets, offeredBytes, offeredPackets } from '../model/ledger.ts';
import type { LiveFigures } from '../model/live-figures.ts';
import { OperationalError } from '../model/operational-error.ts';
import { firstSeconds, type PacketBatch } from '../model/packet-batch.ts';
import {
  type CaptureStatistics,
  type LiveEngine,
  type LiveOptions,
  type PacketSource,
  READ,
} from '../model/packet-source.ts';
import type { Rejection } from '../model/rejection.ts';
import type { TablePurpose } from '../model/table-memory.ts';
import { windowStart } from '../model/window-bounds.ts';
import type { Decoder } from '../packet/decode.ts';
import { decoderFor } from '../packet/link-type.ts';
import type { NflogPacket } from '../packet/nflog.ts';
import { type ClockJump, type Clocks, ClockWatch } from './clock-watch.ts';
import { type Drops, dropsBetween, NO_DROPS } from './drops.ts';
import { Gaps, type OpenGap } from './gaps.ts';
import { Meter, type MeterOptions } from './meter.ts';
import { RejectMeter } from './reject-meter.ts';
import { GRACE_SECONDS } from './rotation.ts';
import type { KeeperEvent, WindowKeeper } from './window-keeper.ts';

export interface TapOptions {
  readonly point: ObservationPoint;
  readonly capture: LiveOptions;
  readonly engine: LiveEngine;
  readonly meter: Omit<MeterOptions, 'onClosed' | 'windowSeconds'>;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly clocks: () => Clocks;
  /** Where the windows outlive a kill; without it they live in memory alone. */
  readonly keeper?: WindowKeeper | undefined;
  /** Whether a table may take so many bytes more now; where it may not, its window folds early. */
  readonly hasRoom?: (bytes: number) => boolean;
  /** Told several times a second how the tap does now. */
  readonly onFigures?: (figures: LiveFigures) => void;
  /** `files` are the window's, where a keeper has made some. */
  readonly onClosed: (point: ObservationPoint, window: Window, files: KeptFiles | undefined) => void;
  readonly onEvent: (point: ObservationPoint, event: TapEvent) => void;
}

export type TapEvent =
  | { readonly kind: 'attached' }
  /** Where its figures stand (model/live-figures.ts). */
  | { readonly kind: 'live'; readonly live: SharedArrayBuffer }
  | { readonly kind: 'detached'; readonly reason: string }
  | { readonly kind: 're-attached'; readonly gapSeconds: number }
  /** What the packet filter rejects cannot be known now; it can again, after so long. */
  | { readonly kind: 'verdicts-lost'; readonly reason: string }
  | { readonly kind: 'verdicts-back'; readonly gapSeconds: number }
  /** The clock went on without this process. */
  | { readonly kind: 'jumped'; readonly reason: GapReason; readonly gapSeconds: number }
  /** Windows come again that were there before. */
  | { readonly kind: 'set-back'; readonly seconds: number }
  /** Nobody observed the point for so long before this run. */
  | { readonly kind: 'resumed'; readonly gapSeconds: number }
  | KeeperEvent;

/** How long after a failed attempt to open its interface a tap tries again. */
const REATTACH_MS = 500;
/** Batches read from one tap before the others have their turn. */
const BATCHES_PER_ROUND = 64;

/** A gap that passed unseen is written into each window that it touches; into its first and last where it touches more. */
const GAP_WINDOWS_MAX = 10;
/** The kernel is asked for its drops at most this often, for the notes. */
const DROPS_MS = 100;

const NO_STATISTICS: CaptureStatistics = { received: 0, droppedByKernel: 0, droppedByInterface: 0 };

/** An open capture, and what of its drops is in a ledger already. */
export interface Capture {
  readonly source: PacketSource;
  readonly decode: Decoder;
  readonly counted: CaptureStatistics;
}

/**
 * One observation point at work: its capture and its meter. When the interface goes away the tap keeps closing its windows,
 * tries to open the interface again by name, and writes the time without capture into their ledgers.
 */
export class Tap {
  readonly #options: TapOptions;
  readonly #meter: Meter;
  readonly #rejectMeter: RejectMeter;
  #source: PacketSource | undefined;
  /** The last that its interface had. */
  #interfaceIndex = 0;
  #decode: Decoder | undefined;
  #counted: CaptureStatistics = NO_STATISTICS;
  readonly #gaps = new Gaps();
  #detached: OpenGap | undefined;
  #verdictsLost: OpenGap | undefined;
  /** By the clock that nobody sets. */
  #retryAtMs = 0;
  /** Drops since `#counted`, as of the last time that the kernel was asked for the notes. */
  #pendingDrops: Drops = NO_DROPS;
  #dropsAskedAt = 0;
  #figuresAt = 0;
  #unwrittenWindows = 0;
  /** Of the windows that are closed. */
  readonly #closedSums = { packets: 0, bytes: 0, lostPackets: 0 };
  /** Unix seconds: when the last drain began, and the time before which (less a grace) everything has been taken in. */
  #drainedFrom = 0;
  #observedUntil = 0;
  /** Unix seconds: what arrived before has been read, even if the capture ends without another packet. */
  #readUntil = 0;
  /** When capture began, by a clock that knows the time: the end of what was missed before. */
  #attachedAt = 0;
  #hasResumed = false;
  readonly #clockWatch: ClockWatch;
  /** Every window that starts before this has its status; of those from here on, some were opened by their packets. */
  #coveredBefore = Number.POSITIVE_INFINITY;
  readonly #opened = new Set<number>();
  /** By when all packets are in that came before the clock was set back, whose windows then close for good. */
  #strayUntil = Number.POSITIVE_INFINITY;

  constructor(options: TapOptions) {
    this.#options = options;
    const { keeper, hasRoom = () => true } = options;
    this.#clockWatch = new ClockWatch(options.clocks);
    const allocate = keeper?.allocate ?? options.meter.allocate;
    const meter = {
      ...options.meter,
      allocate: (bytes: number, purpose: TablePurpose) => (hasRoom(bytes) ? allocate(bytes, purpose) : undefined),
    };
    this.#meter = new Meter({
      ...meter,
      onOpened: (window) => this.#windowOpened(window),
      windowSeconds: options.point.flowLog.windowSeconds,
      onClosed: (window) => this.#closed(window),
    });
    this.#rejectMeter = new RejectMeter(this.#meter, meter);
  }

  /**
   * @param capture one that goes on from another tap of the same interface; opened when absent
   * @throws OperationalError when the interface cannot be captured now
   */
  attach(capture?: Capture): void {
    if (capture === undefined) this.#open();
    else this.#take(capture);
    const seconds = this.#seconds();
    this.#attachedAt = seconds;
    this.#resume();
    this.#coveredBefore = this.#meter.open(seconds).start + this.#options.point.flowLog.windowSeconds;
    this.#drainedFrom = seconds;
    this.#note(true);
    this.#options.onEvent(this.#options.point, { kind: 'attached' });
  }

  get point(): ObservationPoint {
    return this.#options.point;
  }

  get source(): PacketSource | undefined {
    return this.#source;
  }

  /** Takes in what waits, up to a bound; answers whether nothing more waits. */
  async drain(batch: PacketBatch): Promise<boolean> {
    this.#drainedFrom = this.#seconds();
    if (this.#source === undefined) this.#reattach();
    for (let round = 0; round < BATCHES_PER_ROUND && this.#source !== undefined; round++) {
      const read = this.#source.read(batch);
      const status = typeof read === 'number' ? read : await read;
      if (status === READ.packets) this.#count(batch);
      else if (status === READ.idle) return this.#idle();
      else this.#detach(this.#source.failure?.message ?? 'the capture ended');
    }
    return this.#source === undefined;
  }

  /** Where a packet that the filter logged met this point: `came-in` was seen by the tap, `going-out` never came to it. */
  sideOf({ indexIn, indexOut, physicalIn, physicalOut }: NflogPacket): 'came-in' | 'going-out' | 'elsewhere' {
    const index = this.#interfaceIndex;
    const isIn = index === 0 ? indexIn !== 0 : indexIn === index || physicalIn === index;
    if (isIn && this.#source !== undefined) return 'came-in';
    const isOut = index === 0 ? indexIn === 0 : indexOut === index || physicalOut === index;
    return isIn || isOut ? 'going-out' : 'elsewhere';
  }

  /** @param at where the record begins that `packet` was read from */
  reject(packet: NflogPacket, view: DataView, at: number, rejection: Rejection): void {
    this.#rejectMeter.add(packet, view, at, rejection);
  }

  rejectsLost(seconds: number, packets: number): void {
    this.#rejectMeter.lost(seconds, packets);
  }

  /** From now on nobody knows what the packet filter rejects. */
  verdictsLost(reason: string): void {
    this.#verdictsLost = this.#gaps.begin('verdicts-unknown', this.#seconds());
    this.#options.onEvent(this.#options.point, { kind: 'verdicts-lost', reason });
  }

  verdictsBack(): void {
    if (this.#verdictsLost === undefined) return;
    const gapSeconds = this.#gaps.end(this.#verdictsLost, this.#seconds());
    this.#verdictsLost = undefined;
    this.#options.onEvent(this.#options.point, { kind: 'verdicts-back', gapSeconds });
  }

  /**
   * Closes the windows that end at or before `seconds`, and opens the present one. When packets still wait (`drained` is
   * false) only windows older than the one that the last packet fell into are known to be complete.
   */
  closeBefore(seconds: number, drained: boolean): void {
    this.#lookAtClocks();
    const now = this.#seconds();
    // Who said so may not know yet that the clock was set back.
    const due = Math.min(seconds, now - GRACE_SECONDS);
    if (drained) {
      this.#cover(now);
      this.#meter.closeBefore(due);
      this.#closeStrays(now);
      this.#meter.open(now);
    } else {
      this.#meter.closeBefore(Math.min(due, this.#meter.currentWindow?.start ?? due));
    }
    this.#note(drained);
    this.#tellFigures();
  }

  /** A closed window is safe elsewhere. */
  released(window: Window): void {
    this.#unwrittenWindows -= 1;
    this.#options.keeper?.released(window);
    window.release();
  }

  end(): void {
    this.handOver()?.source.close();
  }

  /** Ends without its capture, which another tap may go on with; undefined while the interface is away. */
  handOver(): Capture | undefined {
    this.#meter.closeAll();
    const capture = this.#source && { source: this.#source, decode: this.#decode!, counted: this.#counted };
    this.#source = undefined;
    if (this.#observedUntil > 0) this.#options.keeper?.observedUntil(this.#seconds());
    this.#options.keeper?.close();
    return capture;
  }

  /** After its end: the point is given up, and not only for as long as the agent does not run. */
  forget(): void {
    this.#options.keeper?.forget();
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
    this.#take({ source, decode, counted: NO_STATISTICS });
  }

  #take({ source, decode, counted }: Capture): void {
    this.#source = source;
    this.#interfaceIndex = source.interfaceIndex ?? 0;
    this.#decode = decode;
    this.#counted = counted;
    this.#readUntil = this.#seconds();
  }

  #count(batch: PacketBatch): void {
    this.#readUntil = firstSeconds(batch);
    this.#meter.add(batch, this.#decode!);
  }

  #idle(): true {
    this.#readUntil = this.#drainedFrom - this.#options.engine.holdMs / 1000;
    return true;
  }

  /**
   * The gap begins where reading was last known to be whole, not when the loss is noticed: by then another interface of that
   * name may have received packets, and the dead capture may have held some that nobody can read.
   */
  #detach(reason: string): void {
    this.#lookAtClocks();
    this.#countDrops(this.#meter.currentWindow);
    const gone = this.#source?.failure?.code === 'capture.gone';
    this.#source?.close();
    this.#source = undefined;
    const fromSeconds = Math.min(this.#readUntil, this.#seconds());
    this.#detached = this.#gaps.begin(gone ? 'interface-gone' : 'capture-failed', fromSeconds);
    this.#retryAtMs = this.#options.clocks().awakeMs + REATTACH_MS;
    this.#options.onEvent(this.#options.point, { kind: 'detached', reason });
  }

  #reattach(): void {
    const { awakeMs } = this.#options.clocks();
    if (awakeMs < this.#retryAtMs) return;
    try {
      this.#open();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.#retryAtMs = awakeMs + REATTACH_MS;
      return;
    }
    const gapSeconds = this.#gaps.end(this.#detached!, this.#seconds());
    this.#detached = undefined;
    this.#options.onEvent(this.#options.point, { kind: 're-attached', gapSeconds });
  }

  #closed(window: Window): void {
    this.#countDrops(window);
    this.#countGaps(window);
    this.#closedSums.packets += offeredPackets(window.ledger);
    this.#closedSums.bytes += offeredBytes(window.ledger);
    this.#closedSums.lostPackets += lostPackets(window.ledger);
    const files = this.#options.keeper?.handOver(window, {
      ...NO_DROPS,
      untilSeconds: this.#observedUntil,
      isClosed: true,
    });
    this.#unwrittenWindows += 1;
    this.#options.onClosed(this.#options.point, window, files);
  }

  #windowOpened(window: Window): void {
    this.#options.keeper?.opened(window);
    if (window.start >= this.#coveredBefore) this.#opened.add(window.start);
  }

  #lookAtClocks(): void {
    const jump = this.#clockWatch.look(this.#options.now());
    if (jump === undefined) return;
    if (jump.toSeconds < jump.fromSeconds) this.#setBack(jump);
    else this.#setForward(jump);
  }

  #setForward({ fromSeconds, toSeconds, reason }: ClockJump): void {
    const { keeper, onEvent, point } = this.#options;
    const since = keeper?.absentSince ?? toSeconds;
    // A machine that started without the time learns it now, and with it for how long nobody was there.
    const isResumed = !this.#hasResumed && since > fromSeconds && since < toSeconds;
    const untilSeconds = isResumed ? windowStart(since, point.flowLog.windowSeconds) : toSeconds;
    this.#gaps.add({ fromSeconds, toSeconds: untilSeconds, reason });
    this.#readUntil = Math.max(this.#readUntil, toSeconds);
    onEvent(point, { kind: 'jumped', reason, gapSeconds: toSeconds - fromSeconds });
    if (!isResumed) return;
    this.#attachedAt = toSeconds;
    this.#resume();
  }

  /** The windows of the time that the clock left are over: when it comes to them again they go on as further pieces. */
  #setBack({ fromSeconds, toSeconds }: ClockJump): void {
    const { onEvent, point } = this.#options;
    const next = windowStart(toSeconds, point.flowLog.windowSeconds) + point.flowLog.windowSeconds;
    this.#gaps.cut(fromSeconds, toSeconds);
    this.#meter.closeFrom(next);
    this.#gaps.unjump(toSeconds);
    this.#coveredBefore = next;
    this.#opened.clear();
    this.#observedUntil = Math.min(this.#observedUntil, toSeconds);
    this.#strayUntil = toSeconds + GRACE_SECONDS;
    onEvent(point, { kind: 'set-back', seconds: fromSeconds - toSeconds });
  }

  /** Packets that the ring still held when the clock was set back have opened windows of the time before once more. */
  #closeStrays(seconds: number): void {
    if (seconds < this.#strayUntil) return;
    const { windowSeconds } = this.#options.point.flowLog;
    this.#meter.closeFrom(windowStart(seconds, windowSeconds) + windowSeconds);
    this.#strayUntil = Number.POSITIVE_INFINITY;
  }

  /** Opens the windows that nobody looked at since the last round, so that each has its status: the agent slept, or was stopped. */
  #cover(seconds: number): void {
    const { windowSeconds } = this.#options.point.flowLog;
    const present = windowStart(seconds, windowSeconds);
    const from = this.#coveredBefore;
    if (present < from) return;
    this.#coveredBefore = present + windowSeconds;
    const isLong = (present - from) / windowSeconds > GAP_WINDOWS_MAX;
    // Nobody opens thousands of windows, so what is between the first and the last must be in a gap.
    if (isLong && !this.#gaps.reachTo(present)) {
      this.#gaps.add({ fromSeconds: from, toSeconds: seconds, reason: 'suspended' });
    }
    for (let start = from; start < present; start += windowSeconds) {
      if (!this.#opened.has(start)) this.#meter.open(start);
      if (isLong) start = Math.max(start, present - 2 * windowSeconds);
    }
    for (const start of this.#opened) if (start <= present) this.#opened.delete(start);
  }

  /**
   * The windows during which nobody was there get their gap, too: late, in a further piece, where the disk tells late, or where
   * the clock showed a time before that.
   */
  #resume(): void {
    const { keeper, point, onEvent } = this.#options;
    const seconds = this.#attachedAt;
    const since = keeper?.absentSince;
    if (this.#hasResumed || since === undefined || since >= seconds) return;
    this.#hasResumed = true;
    this.#gaps.add({ fromSeconds: since, toSeconds: seconds, reason: 'agent-not-running' });
    const { windowSeconds } = point.flowLog;
    const first = windowStart(since, windowSeconds);
    const isLong = (seconds - first) / windowSeconds > GAP_WINDOWS_MAX;
    for (let start = first; start < seconds; start += windowSeconds) {
      this.#meter.open(start);
      if (isLong) break;
    }
    onEvent(point, { kind: 'resumed', gapSeconds: seconds - since });
  }

  /** Writes down how far this tap has come, for whoever starts after a kill. */
  #note(drained: boolean): void {
    const { keeper, now } = this.#options;
    if (keeper === undefined) return;
    this.#resume();
    const current = this.#meter.currentWindow;
    const untilSeconds = drained
      ? this.#drainedFrom
      : Math.max(this.#observedUntil, (current?.start ?? 0) + GRACE_SECONDS);
    if (this.#source !== undefined && Math.abs(now() - this.#dropsAskedAt) >= DROPS_MS) {
      this.#pendingDrops = dropsBetween(this.#counted, this.#source.statistics());
      this.#dropsAskedAt = now();
    }
    for (const window of this.#meter.windows) {
      const drops = window === current ? this.#pendingDrops : NO_DROPS;
      keeper.note(window, this.#gapsOf(window), { ...drops, untilSeconds, isClosed: false });
    }
    // Only now: a gap that begins here must not hide what the notes do not say yet.
    keeper.observedUntil(untilSeconds);
    this.#observedUntil = untilSeconds;
  }

  #tellFigures(): void {
    const { onFigures, keeper, now } = this.#options;
    if (onFigures === undefined || Math.abs(now() - this.#figuresAt) < DROPS_MS) return;
    this.#figuresAt = now();
    const { droppedByKernel, droppedByInterface } =
      this.#source === undefined ? NO_DROPS : dropsBetween(this.#counted, this.#source.statistics());
    const dropped = droppedByKernel + droppedByInterface;
    const sums = { packets: this.#closedSums.packets + dropped, bytes: this.#closedSums.bytes };
    let lost = this.#closedSums.lostPackets + dropped;
    for (const { ledger } of this.#meter.windows) {
      sums.packets += offeredPackets(ledger);
      sums.bytes += offeredBytes(ledger);
      lost += lostPackets(ledger);
    }
    const tables = this.#meter.currentWindow?.tables ?? [];
    const flows = Math.max(0, ...tables.map(({ table }) => table.flows));
    const volatileTables = keeper?.volatileTables ?? 0;
    onFigures({ ...sums, lostPackets: lost, flows, volatileTables, unwrittenWindows: this.#unwrittenWindows });
  }

  /** What was dropped since the last look belongs to the window that closes now. */
  #countDrops(window: Window | undefined): void {
    if (this.#source === undefined || window === undefined) return;
    const now = this.#source.statistics();
    const { droppedByKernel, droppedByInterface } = dropsBetween(this.#counted, now);
    this.#counted = now;
    this.#pendingDrops = NO_DROPS;
    window.ledger.droppedByKernel += droppedByKernel;
    window.ledger.droppedByInterface += droppedByInterface;
    if (now.droppedByKernel === undefined) window.ledger.dropsUnknown = true;
  }

  #countGaps(window: Window): void {
    window.ledger.gaps.push(...this.#gapsOf(window));
    this.#gaps.forgetUpTo(window.start + this.#options.point.flowLog.windowSeconds);
  }

  #gapsOf({ start }: Window): readonly Gap[] {
    return this.#gaps.within(start, start + this.#options.point.flowLog.windowSeconds, this.#seconds());
  }
}
