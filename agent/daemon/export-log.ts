/** What becomes of uploads, as lines of the log: trouble, what it turned into, and its end at the level of the trouble. */
import type { ExporterState } from '../export/exporter.ts';
import type { Log } from '../telemetry/log.ts';

export class ExportLog {
  readonly #log: Log;
  readonly #sink: string;
  /** The highest of the trouble that lasts. */
  #trouble: 'error' | 'warn' | undefined;

  constructor(log: Log, sink: string) {
    this.#log = log;
    this.#sink = sink;
  }

  /** @param reason of trouble */
  enter(state: ExporterState, reason: string | undefined): void {
    const facts = { sink: this.#sink, ...(reason === undefined ? {} : { reason }) };
    if (state === 'blocked') {
      this.#trouble = 'error';
      this.#log.error('the log service rejects uploads; operator action required; batches are pending on disk', facts);
    } else if (state === 'backing-off') {
      this.#trouble ??= 'warn';
      this.#log.warn('uploads fail and are retried; batches are pending on disk', facts);
    } else if (this.#trouble === undefined) this.#log.debug(`exporter ${state}`, facts);
    else this.#end(this.#trouble, state === 'sending' ? 'uploads succeed again' : 'no pending batches');
  }

  #end(trouble: 'error' | 'warn', message: string): void {
    this.#log[trouble](message, { sink: this.#sink });
    this.#trouble = undefined;
  }
}
