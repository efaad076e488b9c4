import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../model/sink.ts';

interface Use {
  readonly sink: Sink;
  /** Attempts under way. */
  attempts: number;
}

/**
 * A sink whose secrets can be replaced while it sends: by another sink to the same place. What is on its way goes on with the one
 * that it began with, which is closed after that. What a service rejects goes again at once where there are other secrets by then.
 */
export class RenewableSink implements Sink {
  #use: Use;
  readonly #lookForOthers: () => Promise<void>;

  /** @param lookForOthers looks whether there are other secrets, and then calls `renew` */
  constructor(sink: Sink, lookForOthers: () => Promise<void>) {
    this.#use = { sink, attempts: 0 };
    this.#lookForOthers = lookForOthers;
  }

  get description(): string {
    return this.#use.sink.description;
  }

  get limits(): SinkLimits {
    return this.#use.sink.limits;
  }

  get clockAheadMs(): number | undefined {
    return this.#use.sink.clockAheadMs;
  }

  renew(sink: Sink): void {
    const before = this.#use;
    this.#use = { sink, attempts: 0 };
    if (before.attempts === 0) void before.sink.close();
  }

  send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    return this.#attempt((sink) => sink.send(batch, signal));
  }

  probe(signal: AbortSignal): Promise<ProbeOutcome> {
    return this.#attempt((sink) => sink.probe(signal));
  }

  close(): Promise<void> {
    return this.#use.sink.close();
  }

  async #attempt<Outcome extends SendOutcome | ProbeOutcome>(once: (sink: Sink) => Promise<Outcome>): Promise<Outcome> {
    const use = this.#use;
    const outcome = await this.#once(use, once);
    if (outcome.kind !== 'blocked') return outcome;
    await this.#lookForOthers();
    return this.#use === use ? outcome : this.#once(this.#use, once);
  }

  async #once<Outcome>(use: Use, once: (sink: Sink) => Promise<Outcome>): Promise<Outcome> {
    use.attempts++;
    try {
      return await once(use.sink);
    } finally {
      use.attempts--;
      if (use !== this.#use && use.attempts === 0) void use.sink.close();
    }
  }
}
