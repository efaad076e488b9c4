/** Uploads to the embedded log service of this agent, wherever it listens now. */
import { ClsSink, REQUESTS_MAX } from '../export/cls/cls-sink.ts';
import { DEFAULT_TIMEOUTS } from '../export/http/exchange.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../model/sink.ts';
import type { LogServiceKeeper } from './log-service-keeper.ts';

export const EMBEDDED_SINK_NAME = 'embedded';
/** Nobody resolves it: requests go through the socket. */
const ENDPOINT = new URL('http://localhost');

export class EmbeddedSink implements Sink {
  readonly description: string;
  readonly #keeper: LogServiceKeeper;
  readonly #sink: ClsSink;

  constructor(keeper: LogServiceKeeper, topicId: string) {
    this.description = `embedded log service in ${keeper.status.storeFolder}`;
    this.#keeper = keeper;
    this.#sink = new ClsSink({
      endpoint: ENDPOINT,
      get socketPath() {
        return keeper.socketPath;
      },
      get credentials() {
        return keeper.credentials;
      },
      topicId,
      compression: 'lz4',
      ledgerLog: true,
      timeouts: DEFAULT_TIMEOUTS,
      socketsMax: REQUESTS_MAX,
      nowMs: Date.now,
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
    await this.#keeper.started;
    return this.#sink.send(batch, signal);
  }

  async probe(signal: AbortSignal): Promise<ProbeOutcome> {
    await this.#keeper.started;
    return this.#sink.probe(signal);
  }

  close(): Promise<void> {
    return this.#sink.close();
  }
}
