import type { Window } from '../flow/window.ts';
import type { PersistedFiles } from '../model/closed-window.ts';
import { keysIcmp, notesWire, type ObservationPoint } from '../model/flow-log.ts';
import type { LiveFigures } from '../model/live-figures.ts';
import { firstSeconds, type PacketBatch } from '../model/packet-batch.ts';
import { type LiveEngine, type PacketSource, READ } from '../model/packet-source.ts';
import type { TablePurpose } from '../model/table-memory.ts';
import { Attachment, type Capture } from './attachment.ts';
import { DropWatch } from './drop-watch.ts';
import { Gaps } from './gaps.ts';
import type { MeterOptions } from './meter.ts';
import { TapAttachment, type TapAttachmentOptions } from './tap-attachment.ts';
import type { TapEvent } from './tap-event.ts';
import { TapVerdicts } from './tap-verdicts.ts';
import { Watermark } from './watermark.ts';
import { WindowDriver } from './window-driver.ts';
import type { WindowJournal } from './window-journal.ts';

export interface TapOptions extends Omit<TapAttachmentOptions, 'onEvent'> {
  readonly engine: LiveEngine;
  readonly meter: Omit<MeterOptions, 'onClosed' | 'windowSeconds' | 'keysIcmp' | 'countsWire' | 'notesWire'>;
  /** Where the windows outlive a kill; without it they are memory-only. */
  readonly journal?: WindowJournal | undefined;
  /** Whether a table may take so many bytes more now; where it may not, its window is coarsened early. */
  readonly hasRoom?: (bytes: number) => boolean;
  /** The state of the tap, several times a second. */
  readonly onFigures?: (figures: LiveFigures) => void;
  /** `files` are the window's, where a journal has made some. */
  readonly onClosed: (point: ObservationPoint, window: Window, files: PersistedFiles | undefined) => void;
  readonly onEvent: (point: ObservationPoint, event: TapEvent) => void;
}

/** Batches read from one tap before the others have their turn. */
const BATCHES_PER_ROUND = 64;

/**
 * One observation point at work: its capture (tap-attachment.ts), its windows (window-driver.ts) and what the packet filter rejects of
 * its packets (tap-verdicts.ts). When the interface goes away the tap keeps closing its windows, tries to open the interface again by
 * name, and writes the time without capture into their ledgers.
 */
export class Tap {
  readonly verdicts: TapVerdicts;
  readonly #options: TapOptions;
  readonly #attachment: Attachment;
  readonly #reattachment: TapAttachment;
  readonly #drops: DropWatch;
  readonly #watermark = new Watermark();
  readonly #windows: WindowDriver;

  constructor(options: TapOptions) {
    const { point, now, journal, onFigures } = options;
    const onEvent = (event: TapEvent) => options.onEvent(point, event);
    const gaps = new Gaps();
    const attachment = new Attachment(options);
    const drops = new DropWatch(attachment, gaps, point.flowLog.windowSeconds);
    const watermark = this.#watermark;
    const meter = boundedMeter(options);
    const windows = new WindowDriver({
      ...{ ...options, journal, onFigures, meter, gaps, drops, watermark, onEvent },
      onClosed: (window, files) => options.onClosed(point, window, files),
    });
    this.#options = options;
    this.#attachment = attachment;
    this.#drops = drops;
    this.#windows = windows;
    this.#reattachment = new TapAttachment({ ...options, onEvent }, { attachment, gaps, drops, watermark, windows });
    this.verdicts = new TapVerdicts({
      attachment,
      gaps,
      meter: windows.meter,
      rejects: meter,
      watermark,
      now,
      onEvent,
    });
  }

  /**
   * @param capture one that continues from another tap of the same interface; opened when absent
   * @throws OperationalError when the interface cannot be captured now
   */
  attach(capture?: Capture): void {
    this.#reattachment.attach(capture);
  }

  /**
   * Attaches; an interface that is not there, down or refusing for now is tried again, and its windows have the gap.
   *
   * @throws OperationalError what only a change of permissions or of the configuration cures
   */
  attachOrRetry(): void {
    this.#reattachment.attachOrRetry();
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

  /** Whether what is pending is all that will ever come. */
  get isIntakeStopped(): boolean {
    return this.#watermark.isStopped;
  }

  /** An interface has come or changed: one that is expected is tried at once. */
  retryNow(): void {
    if (this.source !== undefined) return;
    this.retrySoon();
    this.#reattachment.reattach();
  }

  /** The same with the next drain. */
  retrySoon(): void {
    this.#reattachment.retrySoon();
  }

  /** Takes in what is pending, up to a limit; answers whether nothing more is. */
  async drain(batch: PacketBatch): Promise<boolean> {
    this.#watermark.beginDrain(this.#seconds());
    this.#lookAtDrops();
    if (this.source === undefined) this.#reattachment.reattach();
    for (let round = 0; round < BATCHES_PER_ROUND && this.source !== undefined; round++) {
      const read = this.source.read(batch);
      const status = typeof read === 'number' ? read : await read;
      if (status === READ.packets) this.#count(batch, this.source);
      else if (status === READ.idle) return this.#idle(this.source);
      else this.#reattachment.detach();
    }
    return this.source === undefined;
  }

  /**
   * Closes the windows that end at or before `seconds`, and opens the present one. When packets are still pending (`drained` is
   * false) only windows older than the one that the last packet fell into are known to be complete.
   */
  closeBefore(seconds: number, drained: boolean): void {
    this.#windows.closeBefore(seconds, drained);
  }

  /** A closed window is durable elsewhere. */
  released(window: Window): void {
    this.#windows.released(window);
  }

  end(): void {
    this.handOver()?.source.close();
  }

  /** Ends without its capture, which another tap may continue with; undefined while the interface is away. */
  handOver(): Capture | undefined {
    if (!this.isIntakeStopped) this.#drops.look(this.#seconds());
    this.#windows.closeAll();
    const untilSeconds = this.source === undefined ? this.#seconds() : this.#watermark.readUntil;
    const capture = this.#attachment.release();
    this.#windows.end(untilSeconds);
    return capture;
  }

  /** After its end: the point is not observed any more, and not only for as long as the agent does not run. */
  forget(): void {
    this.#options.journal?.forget();
  }

  #seconds(): number {
    return this.#options.now() / 1000;
  }

  #count(batch: PacketBatch, { isEnding }: PacketSource): void {
    if (isEnding !== true) this.#watermark.readBatch(firstSeconds(batch));
    this.#windows.meter.add(batch, this.#attachment.decode);
    this.#lookAtDrops();
  }

  /** What is read of an interface that is gone says nothing of another that may have its name. */
  #idle({ isEnding }: PacketSource): boolean {
    if (isEnding === true) return false;
    this.#watermark.readAll(this.#options.engine.holdMs);
    return true;
  }

  /** After the end of the intake the interface continues to count. */
  #lookAtDrops(): void {
    if (!this.isIntakeStopped) this.#drops.lookWhenDue(this.#seconds());
  }
}

/** The meter's options, with tables that are the journal's where there is one, and only as long as there is room. */
function boundedMeter({ point, meter, journal, hasRoom = () => true }: TapOptions) {
  const allocate = journal?.allocate ?? meter.allocate;
  return {
    ...meter,
    keysIcmp: keysIcmp(point.flowLog),
    countsWire: point.flowLog.count === 'wire',
    notesWire: notesWire(point.flowLog),
    allocate: (bytes: number, purpose: TablePurpose) => (hasRoom(bytes) ? allocate(bytes, purpose) : undefined),
  };
}
