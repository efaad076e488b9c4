/**
 * Follows the findings of the log service beside the agent, through the socket in its store. Of an answer only so many bytes are read: where
 * events are longer it asks for fewer, and one that is too long alone is skipped and counted.
 */
import { signRequest } from '../export/cls/signature.ts';
import { DEFAULT_TIMEOUTS, HttpExchange } from '../export/http/exchange.ts';
import type { EmbeddedService } from '../model/sink-plan.ts';
import type { FindingsSource, ReadEvents } from './source.ts';

/** Nobody resolves it: requests go through the socket. */
const ENDPOINT = new URL('http://localhost');
const PATH = '/findings/events';
const WAIT_SECONDS = 20;
/** Of one answer, which is then shorter than what is read of it for all but the longest events. */
const EVENTS_MAX = 10;

export class LogServiceSource implements FindingsSource {
  readonly #service: EmbeddedService;
  readonly #http: HttpExchange;
  readonly #nowMs: () => number;
  #limit = EVENTS_MAX;

  constructor(service: EmbeddedService, nowMs: () => number) {
    this.#service = service;
    this.#nowMs = nowMs;
    this.#http = new HttpExchange({
      endpoint: ENDPOINT,
      get socketPath() {
        return service.socketPath;
      },
      timeouts: DEFAULT_TIMEOUTS,
      socketsMax: 1,
    });
  }

  async after(cursor: number | undefined, signal: AbortSignal): Promise<ReadEvents> {
    await this.#untilStarted(signal);
    // The first answer says where a log ends that was never followed.
    if (cursor === undefined) return (await this.#ask({ wait: '0' }, signal)) ?? tooLong();
    for (let skipped = 0; ; ) {
      const parameters = { after: String(cursor + skipped), limit: String(this.#limit), wait: String(WAIT_SECONDS) };
      const answer = await this.#ask(parameters, signal);
      const isAlone = this.#limit === 1;
      this.#limit = answer === undefined ? Math.ceil(this.#limit / 2) : EVENTS_MAX;
      if (answer !== undefined) return { ...answer, skipped };
      if (isAlone) skipped++;
    }
  }

  /** Undefined for an answer of which only a part was read. */
  async #ask(parameters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<ReadEvents | undefined> {
    const headers = { host: ENDPOINT.host };
    const path = `${PATH}?${new URLSearchParams(parameters)}`;
    const authorization = this.#sign(parameters, headers);
    const request = { method: 'GET', path, headers: { ...headers, authorization }, body: new Uint8Array(0) };
    const exchanged = await this.#http.exchange(request, signal);
    if (exchanged.kind === 'failure') throw new Error(exchanged.reason);
    if (exchanged.status !== 200) throw new Error(`answer ${exchanged.status}`);
    return exchanged.truncated === true ? undefined : (JSON.parse(exchanged.body) as ReadEvents);
  }

  close(): void {
    this.#http.close();
  }

  /** @throws Error where the asker stops before */
  #untilStarted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => reject(new Error('stopped before the log service started'));
      if (signal.aborted) leave();
      signal.addEventListener('abort', leave, { once: true });
      void this.#service.started.then(() => {
        signal.removeEventListener('abort', leave);
        resolve();
      });
    });
  }

  #sign(parameters: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>): string {
    const seconds = Math.floor(this.#nowMs() / 1000);
    return signRequest({
      ...this.#service.credentials,
      method: 'GET',
      path: PATH,
      parameters,
      headers,
      beginSeconds: seconds - 60,
      endSeconds: seconds + 300,
    });
  }
}

function tooLong(): never {
  throw new Error('the answer is too long');
}
