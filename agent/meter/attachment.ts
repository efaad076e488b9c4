import type { ObservationPoint } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { CaptureStatistics, LiveEngine, LiveOptions, PacketSource } from '../model/packet-source.ts';
import type { Decoder } from '../packet/decode.ts';
import { decoderFor } from '../packet/link-type.ts';
import { type Drops, dropsBetween, NO_DROPS } from './drops.ts';

/** An open capture, and what of its drops is in a ledger already. */
export interface Capture {
  readonly source: PacketSource;
  readonly decode: Decoder;
  readonly counted: CaptureStatistics;
}

export interface AttachmentOptions {
  readonly engine: LiveEngine;
  readonly point: ObservationPoint;
  readonly capture: LiveOptions;
}

const NO_STATISTICS: CaptureStatistics = { received: 0, droppedByKernel: 0, droppedByInterface: 0 };

/** 0 stands for all interfaces. */
const NEVER_CAPTURED = -1;

/** The capture of one observation point, as long as its interface lets it be. */
export class Attachment {
  readonly #options: AttachmentOptions;
  #capture: Capture | undefined;
  #interfaceIndex = NEVER_CAPTURED;

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /** @throws OperationalError when the interface cannot be captured now */
  open(): void {
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
    this.take({ source, decode, counted: NO_STATISTICS });
  }

  /** Goes on with the capture of another. */
  take(capture: Capture): void {
    this.#capture = capture;
    this.#interfaceIndex = capture.source.interfaceIndex ?? 0;
  }

  get source(): PacketSource | undefined {
    return this.#capture?.source;
  }

  /** Of an open capture. */
  get decode(): Decoder {
    return this.#capture!.decode;
  }

  /** The kernel's number for the interface, the last that it had; no interface's before the first capture. */
  get interfaceIndex(): number {
    return this.#interfaceIndex;
  }

  /** What was dropped since drops were taken before; whether the engine cannot know all. */
  takeDrops(): Drops & { readonly isUnknown: boolean } {
    if (this.#capture === undefined) return { ...NO_DROPS, isUnknown: false };
    const { source, decode, counted } = this.#capture;
    const now = source.statistics();
    const isUnknown = now.droppedByKernel === undefined;
    // A device whose counters cannot be read any more has not taken its drops back.
    if (isUnknown && counted.droppedByKernel !== undefined && now.droppedByEngine === undefined) {
      return { ...NO_DROPS, isUnknown };
    }
    this.#capture = { source, decode, counted: now };
    return { ...dropsBetween(counted, now), isUnknown };
  }

  close(): void {
    this.release()?.source.close();
  }

  /** The capture, which is another's from now on; undefined while there is none. */
  release(): Capture | undefined {
    const capture = this.#capture;
    this.#capture = undefined;
    return capture;
  }
}
