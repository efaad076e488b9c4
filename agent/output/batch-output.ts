import type { WindowHeader } from '../model/batch-id.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { encodeBatches, lengthPrefix } from '../wire/flow-batch.ts';
import type { ByteDestination } from './byte-destination.ts';

/** What all batches of a replay say of themselves. */
export type ReplayHeader = Omit<WindowHeader, 'windowStart'>;

/** Length-delimited batches of proto/flowlog.proto. */
export class BatchOutput implements WindowOutput {
  readonly #header: ReplayHeader;
  readonly #destination: ByteDestination;

  constructor(header: ReplayHeader, destination: ByteDestination) {
    this.#header = header;
    this.#destination = destination;
  }

  async write(window: OutputWindow): Promise<void> {
    const batches: Uint8Array[] = [];
    encodeBatches(
      { header: { ...this.#header, windowStart: window.start }, cursor: window.records(), ledger: window.ledger },
      (bytes) => batches.push(Uint8Array.from(lengthPrefix(bytes.length)), bytes.slice()),
    );
    for (const bytes of batches) await this.#destination.write(bytes);
  }

  async end(): Promise<void> {
    this.#destination.end();
  }

  async abandon(): Promise<void> {
    this.#destination.abandon();
  }
}
