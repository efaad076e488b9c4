import type { DirectDelivery } from '../export/direct.ts';
import type { Sink } from '../model/sink.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { encodeBatches } from '../wire/flow-batch.ts';
import type { ReplayHeader } from './batch-output.ts';

/** Batches to a log service, straight from memory. */
export class DeliveredOutput implements WindowOutput {
  readonly #header: ReplayHeader;
  readonly #delivery: DirectDelivery;
  readonly #sink: Sink;
  readonly #parts = new Map<number, number>();

  constructor(header: ReplayHeader, delivery: DirectDelivery, sink: Sink) {
    this.#header = header;
    this.#delivery = delivery;
    this.#sink = sink;
  }

  async write(window: OutputWindow): Promise<void> {
    const firstPart = this.#parts.get(window.start) ?? 0;
    const header = { ...this.#header, windowStart: window.start };
    const batches: Uint8Array[] = [];
    const parts = encodeBatches({ header, cursor: window.records(), ledger: window.ledger, firstPart }, (bytes) =>
      batches.push(bytes.slice()),
    );
    this.#parts.set(window.start, firstPart + parts);
    for (const batch of batches) await this.#delivery.push(batch);
  }

  async end(): Promise<void> {
    try {
      await this.#delivery.drain();
    } finally {
      await this.#sink.close();
    }
  }

  async abandon(): Promise<void> {
    await this.#delivery.abort();
    await this.#sink.close();
  }
}
