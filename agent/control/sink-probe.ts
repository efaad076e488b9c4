import type { SendOutcome } from '../model/sink.ts';
import type { Asked } from '../telemetry/readiness.ts';

/** Asks the log service whether it would take records, without sending any. */
export interface Probe {
  /** Never fails for what the network or the service does. */
  probe(signal: AbortSignal): Promise<SendOutcome>;
}

/**
 * Whether the topic can be reached, for those who ask before the first upload: nobody should wait a window's length for the
 * news that a key is wrong. From then on the exporter knows better: it uploads at every window's end, and tries twice a
 * minute while the service refuses.
 */
export class TopicProbe {
  readonly #probe: Probe;
  readonly #abort = new AbortController();
  #asking: Promise<void> | undefined;
  #answer: Asked;

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  /** The last answer; undefined before the first. */
  get answer(): Asked {
    return this.#answer;
  }

  /** Answers when there is one; who asks while it is being asked waits for the same. */
  ask(): Promise<void> {
    this.#asking ??= this.#once().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  end(): void {
    this.#abort.abort();
  }

  async #once(): Promise<void> {
    const outcome = await this.#probe.probe(this.#abort.signal);
    if (this.#abort.signal.aborted) return;
    this.#answer = answerOf(outcome);
  }
}

function answerOf(outcome: SendOutcome): Asked {
  switch (outcome.kind) {
    // It has looked at the body, and so at the credentials and the topic before.
    case 'accepted':
    case 'poison':
      return 'open';
    case 'retry':
      return { kind: 'unreachable', reason: outcome.reason };
    // Who finds an empty group too large takes no records either.
    case 'blocked':
    case 'too-large':
    case 'newer':
      return { kind: 'refused', reason: outcome.reason };
  }
}
