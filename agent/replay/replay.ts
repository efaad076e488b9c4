/**
 * From savefiles to records: reads one file after the other into one meter, hands every closed window to an output, and says
 * where every packet went.
 *
 * Windows are held until the files end, so that a packet out of order still lands in the one record of its key. Limit: when
 * more windows, or more table memory, are held than stated below, the window that was opened first is handed over early; a
 * packet that comes for it still later opens it anew, and the report says how many windows so came in more than one part.
 */
import { setImmediate } from 'node:timers/promises';
import type { Window } from '../flow/window.ts';
import { Meter, type MeterOptions } from '../meter/meter.ts';
import { addLedger, createLedger, type Ledger, offeredPackets } from '../model/ledger.ts';
import { OperationalError } from '../model/operational-error.ts';
import { createPacketBatch, FRAME_BYTES_MAX, type PacketBatch } from '../model/packet-batch.ts';
import { type PacketSource, READ, type SavefileEngine } from '../model/packet-source.ts';
import type { WindowOutput } from '../model/window-output.ts';
import type { Decoder } from '../packet/decode.ts';
import { decoderFor } from '../packet/link-type.ts';

export const HELD_MAX = { windowsMax: 4096, tableBytesMax: 128 * 1024 * 1024 } as const;
/** Batch buffer: room for thousands of small packets, small enough for the second-level cache beside the longest frame. */
const BATCH_BYTES = 2 * FRAME_BYTES_MAX;
/** Batches between two looks at the signals. */
const BATCHES_PER_TURN = 16;

/** Window starts remembered, to tell a further part of a window from a new one. */
const STARTS_MAX = 1_000_000;

export interface ReplayOptions {
  readonly files: readonly string[];
  readonly engine: SavefileEngine;
  readonly filter: string;
  readonly meter: Omit<MeterOptions, 'onClosed'>;
  readonly output: WindowOutput;
  /** Told the bytes read of the present file, now and then. */
  readonly onProgress: (file: string, bytes: number) => void;
  readonly linkTypeName: (linkType: number) => string;
  readonly signal: AbortSignal;
}

export interface ReplayReport {
  readonly ledger: Ledger;
  readonly windows: number;
  readonly records: number;
  /** Windows that were handed over in more than one part. */
  readonly splitWindows: number;
  /** What went wrong, by file; the records of the packets before it were handed over. */
  readonly failures: readonly OperationalError[];
  /** There were failures, and no packet. */
  readonly hasReadNothing: boolean;
}

/** @throws what the output throws, which is abandoned then */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  try {
    const run = new Replay(options);
    for (const file of options.files) {
      if (options.signal.aborted) break;
      await run.readFile(file);
    }
    return await run.finish();
  } catch (error) {
    await options.output.abandon().catch(nothing);
    throw error;
  }
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #meter: Meter;
  readonly #batch: PacketBatch;
  readonly #ledger: Ledger;
  readonly #closed: Window[] = [];
  readonly #starts = new Set<number>();
  readonly #failures: OperationalError[] = [];
  /** Ends the present wait for a file, when the run is to end. */
  #endWait: () => void = nothing;
  #windows = 0;
  #splitWindows = 0;
  #records = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#batch = createPacketBatch(BATCH_BYTES, options.meter.kernel);
    this.#ledger = createLedger(options.meter.exclusion.ruleNames);
    this.#meter = new Meter({
      ...options.meter,
      onClosed: (window) => this.#closed.push(window),
    });
    options.signal.addEventListener('abort', () => this.#endWait(), { once: true });
  }

  async readFile(file: string): Promise<void> {
    let source: PacketSource | undefined;
    try {
      const { engine, filter, meter } = this.#options;
      source = await this.#orEnd(engine.open({ path: file, filter, places: meter.kernel }));
      if (source !== undefined) await this.#readPackets(file, source);
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code === 'output.failed' || error.code.startsWith('sink.')) {
        throw error;
      }
      // An input that is cut because the run was asked to end is no failure. The signal comes with the next turn of the loop.
      await setImmediate();
      await setImmediate();
      if (!this.#options.signal.aborted) this.#failures.push(error);
    } finally {
      source?.close();
    }
  }

  async finish(): Promise<ReplayReport> {
    this.#meter.closeAll();
    await this.#writeClosed();
    const { output } = this.#options;
    const hasReadNothing = this.#failures.length > 0 && offeredPackets(this.#ledger) === 0;
    await (hasReadNothing ? output.abandon() : output.end());
    return {
      ledger: this.#ledger,
      windows: this.#windows,
      records: this.#records,
      splitWindows: this.#splitWindows,
      failures: this.#failures,
      hasReadNothing,
    };
  }

  async #readPackets(file: string, source: PacketSource): Promise<void> {
    let linkType = Number.NaN;
    let decode: Decoder | undefined;
    let bytes = 0;
    for (let turn = 1; !this.#options.signal.aborted; turn++) {
      const read = source.read(this.#batch);
      const status = typeof read === 'number' ? read : ((await this.#orEnd(read)) ?? READ.end);
      if (source.linkType !== linkType) {
        linkType = source.linkType;
        decode = decoderFor(linkType);
        if (decode === undefined) throw this.#unsupported(file, linkType, bytes > 0);
      }
      if (status === READ.packets) {
        bytes += this.#meter.add(this.#batch, decode!);
        if (this.#closed.length > 0) await this.#writeClosed();
      } else if (status === READ.end) return this.#options.onProgress(file, source.fileBytes ?? bytes);
      else if (status === READ.failed) throw source.failure;
      if (turn % BATCHES_PER_TURN === 0) {
        this.#options.onProgress(file, source.fileBytes ?? bytes);
        await setImmediate();
      }
    }
  }

  /**
   * Undefined when the run is to end before: a pipe may be silent for long. Hot for a file, which is read in thousands of pieces: a signal for each
   * wait would take a tenth of the time of all.
   */
  async #orEnd<T>(pending: T | Promise<T>): Promise<T | undefined> {
    if (this.#options.signal.aborted) return undefined;
    return new Promise((resolve, reject) => {
      this.#endWait = () => resolve(undefined);
      Promise.resolve(pending).then(resolve, reject);
    });
  }

  async #writeClosed(): Promise<void> {
    for (const window of this.#closed) {
      addLedger(this.#ledger, window.ledger);
      this.#records += window.flows;
      this.#rememberStart(window.start);
      await this.#options.output.write(window);
      window.release();
    }
    this.#closed.length = 0;
  }

  #rememberStart(start: number): void {
    if (this.#starts.has(start)) this.#splitWindows += 1;
    else this.#windows += 1;
    this.#starts.add(start);
    if (this.#starts.size > STARTS_MAX) this.#starts.delete(this.#starts.values().next().value!);
  }

  #unsupported(file: string, linkType: number, isLater: boolean): OperationalError {
    const where = isLater ? ' after the packets before, which were processed' : '';
    return new OperationalError(
      'savefile.link-type',
      `Reading ${file} failed${where}: unsupported link type ${this.#options.linkTypeName(linkType)}; ` +
        'expected Ethernet, Linux cooked (SLL, SLL2), BSD loopback (NULL, LOOP), NFLOG or raw IP.',
    );
  }
}

function nothing(): undefined {
  return undefined;
}
