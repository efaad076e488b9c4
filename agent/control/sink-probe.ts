import type { ProbeOutcome, Sink } from '../model/sink.ts';
import type { Asked } from '../telemetry/readiness.ts';

type Probe = Pick<Sink, 'probe'>;

/**
 * Whether a sink would take records, for those who ask before the first upload: nobody should wait a window's length for the
 * news that a key is wrong. From then on the exporter knows better: it uploads at every window's end, and tries twice a
 * minute while the service refuses.
 */
export class SinkProbe {
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

/** One for each sink, by its name. */
export class SinkProbes {
  readonly #probes: ReadonlyMap<string, SinkProbe>;

  constructor(sinks: readonly { readonly name: string; readonly sink: Probe }[]) {
    this.#probes = new Map(sinks.map(({ name, sink }) => [name, new SinkProbe(sink)]));
  }

  answerOf(name: string): Asked {
    return this.#probes.get(name)?.answer;
  }

  /** Answers when all of them have. */
  async ask(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#probes.get(name)?.ask()));
  }

  end(): void {
    for (const probe of this.#probes.values()) probe.end();
  }
}

function answerOf(outcome: ProbeOutcome): Asked {
  switch (outcome.kind) {
    case 'accepted':
      return 'open';
    case 'retry':
      return { kind: 'unreachable', reason: outcome.reason };
    case 'blocked':
      return { kind: 'refused', reason: outcome.reason };
  }
}
