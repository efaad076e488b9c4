/** Uploads to the embedded log service of this agent, wherever it listens now. */
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../model/sink.ts';
import type { EmbeddedService } from '../../model/sink-plan.ts';
import { DEFAULT_TIMEOUTS } from '../http/exchange.ts';
import { ClsSink, REQUESTS_MAX } from './cls-sink.ts';
import type { ClsOptions } from './options.ts';

/** Nobody resolves it: requests go through the socket. */
const ENDPOINT = new URL('http://localhost');

export class EmbeddedSink implements Sink {
  readonly description: string;
  readonly #service: EmbeddedService;
  readonly #sink: ClsSink;

  constructor(service: EmbeddedService, { topicId, compression, ledgerLog }: ClsOptions, nowMs: () => number) {
    this.description = `embedded log service in ${service.storeFolder}`;
    this.#service = service;
    this.#sink = new ClsSink({
      endpoint: ENDPOINT,
      get socketPath() {
        return service.socketPath;
      },
      get credentials() {
        return service.credentials;
      },
      topicId,
      compression,
      ledgerLog,
      timeouts: DEFAULT_TIMEOUTS,
      socketsMax: REQUESTS_MAX,
      nowMs,
    });
  }

  get limits(): SinkLimits {
    return this.#sink.limits;
  }

  get clockAheadMs(): number | undefined {
    return this.#sink.clockAheadMs;
  }

  /** What was pending before the service started is no failure. */
  async send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    await this.#service.started;
    return this.#sink.send(batch, signal);
  }

  async probe(signal: AbortSignal): Promise<ProbeOutcome> {
    await this.#service.started;
    return this.#sink.probe(signal);
  }

  close(): Promise<void> {
    return this.#sink.close();
  }
}
