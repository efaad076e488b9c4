import type { AppearedLink, LinkChanges, VanishedLink } from '../model/link-changes.ts';
import { OperationalError } from '../model/operational-error.ts';
import { FRAME_BYTES_MAX, type PacketBatch } from '../model/packet-batch.ts';
import {
  type CaptureStatistics,
  type LiveOptions,
  type PacketSource,
  READ,
  type ReadStatus,
} from '../model/packet-source.ts';
import { type CaptureAddon, type CaptureHandle, READ_FAILED } from '../native/addon.ts';

/** How long the kernel may hold back a partly filled block of its ring: a wake-up per block, not one per packet. */
export const RETIRE_TIMEOUT_MS = 100;
/** The kernel's timer retires a block that it has met twice, so up to two of its turns after the first packet; and some slack. */
export const HOLD_MS = 2.5 * RETIRE_TIMEOUT_MS;
/**
 * A busy capture looks this seldom whether its interface still has its name; a quiet one whenever it is idle, unless it is told when
 * to.
 */
const READS_PER_NAME_CHECK = 64;
const RENAMED = 'it was renamed, removed or replaced';
/** What libpcap answers once the device behind a capture is no more; not one of them has a code of its own. */
const GONE = /disappeared|went down|hangup|no such device|network is down|bad file descriptor/i;

interface LiveSourceOptions extends LiveOptions {
  readonly awakeMs: () => number;
  /** Whether somebody says when the interface may have lost its name (`mayBeRenamed`). */
  readonly isFollowed: () => boolean;
  readonly close: () => void;
}

/** One live capture. Its interface may go down and come up unnoticed; a removed or renamed one ends it with `capture.gone`. */
export class LiveSource implements PacketSource {
  readonly name: string;
  readonly linkType: number;
  readonly handle: CaptureHandle;
  isReady = true;
  /** The last read did not come to an end of what is pending. */
  mayHold = true;
  /** Its interface came, went or was renamed: it is asked for its name with the next idle read. */
  mayBeRenamed = false;
  failure: OperationalError | undefined;
  readonly #addon: CaptureAddon;
  readonly #snapBytes: number;
  readonly interfaceIndex: number;
  readonly ringBytes: number;
  #readsToNameCheck = READS_PER_NAME_CHECK;
  #ending: { readonly text: string; readonly atMs: number } | undefined;
  readonly #awakeMs: () => number;
  readonly #isFollowed: () => boolean;
  readonly #close: () => void;
  #isClosed = false;

  constructor(addon: CaptureAddon, handle: CaptureHandle, options: LiveSourceOptions) {
    this.#close = options.close;
    this.#awakeMs = options.awakeMs;
    this.#isFollowed = options.isFollowed;
    this.#addon = addon;
    this.handle = handle;
    this.name = options.interfaceName;
    this.#snapBytes = Math.min(options.snapBytes, FRAME_BYTES_MAX);
    this.ringBytes = options.bufferBytes;
    this.linkType = addon.describe(handle).linkType;
    this.interfaceIndex = addon.interfaceIndex(options.interfaceName);
  }

  /** What came, went or was renamed may be its interface, or have the name now. */
  linksChanged({ appeared, vanished }: LinkChanges): void {
    const isAbout = ({ index, name }: AppearedLink | VanishedLink) =>
      index === this.interfaceIndex || name === this.name;
    this.mayBeRenamed ||= appeared.some(isAbout) || vanished.some(isAbout);
  }

  /** How long what the kernel may still hold is waited for; infinite of a capture that is not ending. */
  get restMs(): number {
    return this.#ending === undefined ? Number.POSITIVE_INFINITY : Math.max(0, this.#ending.atMs - this.#awakeMs());
  }

  get isEnding(): boolean {
    return this.#ending !== undefined && this.failure === undefined;
  }

  read(batch: PacketBatch): ReadStatus {
    batch.count = 0;
    if (this.failure !== undefined) return READ.failed;
    if (!this.isEnding && this.#readsToNameCheck-- <= 0 && this.#nameIsLost()) return this.#fail(RENAMED);
    // Before the read, which then finds all that the kernel held.
    const isOver = this.restMs === 0;
    const count = this.#addon.readBatch(this.handle, batch.view, this.#snapBytes, 0);
    this.mayHold = count > 0;
    if (count > 0) {
      batch.count = count;
      return READ.packets;
    }
    if (isOver) return this.#fail(this.#ending!.text);
    if (count === READ_FAILED) this.#beginEnd(this.#addon.errorText(this.handle));
    else if ((this.mayBeRenamed || !this.#isFollowed()) && this.#nameIsLost()) this.#beginEnd(RENAMED);
    return READ.idle;
  }

  /** Nothing more comes in: an interface that was renamed still has packets. */
  #beginEnd(text: string): void {
    if (this.#ending !== undefined) return;
    this.stopIntake();
    this.#ending = { text, atMs: this.#awakeMs() + HOLD_MS };
  }

  /**
   * libpcap keeps capturing from an interface that was renamed while up. A flow log belongs to a name, so such a capture
   * would count another interface's packets: it ends, and opening the name again finds the right one.
   */
  #nameIsLost(): boolean {
    this.#readsToNameCheck = READS_PER_NAME_CHECK;
    this.mayBeRenamed = false;
    if (this.interfaceIndex <= 0) return false;
    const index = this.#addon.interfaceIndex(this.name);
    return index >= 0 && index !== this.interfaceIndex;
  }

  #fail(text: string): ReadStatus {
    const gone = text === RENAMED || GONE.test(text) || this.#nameIsLost();
    this.failure = gone
      ? new OperationalError('capture.gone', `Capturing on ${this.name} ended, the interface is gone: ${text}.`)
      : new OperationalError('capture.failed', `Capturing on ${this.name} failed: ${text}.`);
    return READ.failed;
  }

  stopIntake(): boolean {
    return this.#addon.stopIntake(this.handle);
  }

  statistics(): CaptureStatistics {
    const counters = this.#addon.statistics(this.handle);
    return { received: counters?.[0], droppedByKernel: counters?.[1], droppedByInterface: counters?.[2] };
  }

  close(): void {
    if (!this.#isClosed) this.#close();
    this.#isClosed = true;
  }
}
