/** What is known of one sink over time, beside the numbers that its exporter has now. */
import type { ExporterNumbers, SinkStatus } from './agent-status.ts';
import { DeliveryWatch } from './delivery-watch.ts';

export class SinkCollector {
  readonly #delivery = new DeliveryWatch();
  #state = '';
  #sinceSeconds: number;
  #delivered = 0;
  #lastDeliveredSeconds: number | null = null;

  constructor(startedSeconds: number) {
    this.#sinceSeconds = startedSeconds;
  }

  /** To be called every second. */
  observe(numbers: ExporterNumbers): void {
    this.#delivery.look(numbers.pendingBatches, deliveredOf(numbers));
  }

  /** What changed since the last look happened now, to the second. */
  look(numbers: ExporterNumbers, nowSeconds: number): SinkStatus {
    const delivered = deliveredOf(numbers);
    if (numbers.state !== this.#state) this.#sinceSeconds = nowSeconds;
    this.#state = numbers.state;
    if (delivered > this.#delivered) this.#lastDeliveredSeconds = nowSeconds;
    this.#delivered = delivered;
    return {
      ...numbers,
      sinceSeconds: this.#sinceSeconds,
      lastDeliveredSeconds: this.#lastDeliveredSeconds,
      undeliveredSeconds: this.#delivery.undeliveredSeconds,
    };
  }
}

function deliveredOf({ deliveredBatches, sentBatches }: ExporterNumbers): number {
  return deliveredBatches + sentBatches;
}
