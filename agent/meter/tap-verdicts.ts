/** What the packet filter rejected of the packets of one observation point, and when nobody knows. */
import type { Rejection } from '../model/rejection.ts';
import type { NflogPacket } from '../packet/nflog.ts';
import type { Attachment } from './attachment.ts';
import type { Gaps, OpenGap } from './gaps.ts';
import type { Meter } from './meter.ts';
import { RejectMeter, type RejectMeterOptions } from './reject-meter.ts';
import type { TapEvent } from './tap-event.ts';
import type { Watermark } from './watermark.ts';

export interface TapVerdictsOptions {
  readonly attachment: Attachment;
  readonly gaps: Gaps;
  readonly meter: Meter;
  readonly rejects: RejectMeterOptions;
  readonly watermark: Watermark;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onEvent: (event: TapEvent) => void;
}

export class TapVerdicts {
  readonly #options: TapVerdictsOptions;
  readonly #rejectMeter: RejectMeter;
  #unknown: OpenGap | undefined;

  constructor(options: TapVerdictsOptions) {
    this.#options = options;
    this.#rejectMeter = new RejectMeter(options.meter, options.rejects);
  }

  /** Where a packet that the filter logged met this point: `came-in` was seen by the tap, `going-out` never came to it. */
  sideOf({ indexIn, indexOut, physicalIn, physicalOut }: NflogPacket): 'came-in' | 'going-out' | 'elsewhere' {
    const { interfaceIndex: index, source } = this.#options.attachment;
    const isIn = index === 0 ? indexIn !== 0 : indexIn === index || physicalIn === index;
    if (isIn && source !== undefined) return 'came-in';
    const isOut = index === 0 ? indexIn === 0 : indexOut === index || physicalOut === index;
    return isIn || isOut ? 'going-out' : 'elsewhere';
  }

  /** @param at where the record begins that `packet` was read from */
  reject(packet: NflogPacket, view: DataView, at: number, rejection: Rejection): void {
    if (packet.seconds + packet.microseconds / 1e6 >= this.#options.watermark.stoppedAt) return;
    this.#rejectMeter.add(packet, view, at, rejection);
  }

  /** So many rejections were lost between two that were read; where a border of a window lies between, neither window is whole. */
  lost(fromSeconds: number, toSeconds: number, packets: number): void {
    const { gaps, meter } = this.#options;
    this.#rejectMeter.lost(toSeconds, packets);
    const { start } = meter.windowAt(toSeconds);
    if (fromSeconds >= start) return;
    gaps.add({ fromSeconds, toSeconds, reason: 'verdicts-unknown' });
    meter.windowAt(fromSeconds);
  }

  /** From now on what the packet filter rejects is unknown. */
  unknown(reason: string): void {
    this.#unknown = this.#options.gaps.begin('verdicts-unknown', this.#seconds());
    this.#options.onEvent({ kind: 'verdicts-lost', reason });
  }

  knownAgain(): void {
    if (this.#unknown === undefined) return;
    const gapSeconds = this.#options.gaps.end(this.#unknown, this.#seconds());
    this.#unknown = undefined;
    this.#options.onEvent({ kind: 'verdicts-back', gapSeconds });
  }

  #seconds(): number {
    return this.#options.now() / 1000;
  }
}
