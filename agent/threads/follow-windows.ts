/** The recorder's end of the live feed: begins and ends as it is asked to, and steps by the clock between. */
import type { MessagePort } from 'node:worker_threads';
import { LIVE_STEP_MS, type LiveRequest, type LiveStep } from '../model/live-feed.ts';
import { LiveReading, type LiveReadingOptions } from './live-reading.ts';

/** Closes the port with `close`; neither it nor the clock keeps the thread. */
export class FollowedWindows {
  readonly reading: LiveReading;
  readonly #port: MessagePort;
  #clock: NodeJS.Timeout | undefined;

  constructor(port: MessagePort, options: Omit<LiveReadingOptions, 'emit'>) {
    this.#port = port;
    this.reading = new LiveReading({ ...options, emit: (step) => this.#emit(step) });
    port.on('message', ({ kind }: LiveRequest) => (kind === 'begin' ? this.#begin() : this.#end()));
    port.unref();
  }

  close(): void {
    this.#end();
    this.#port.close();
  }

  #begin(): void {
    if (this.reading.isOn) return;
    this.reading.begin();
    this.#clock = setInterval(() => this.reading.step(), LIVE_STEP_MS).unref();
  }

  #end(): void {
    clearInterval(this.#clock);
    this.reading.end();
  }

  #emit(step: LiveStep): void {
    this.#port.postMessage(step, [step.rows.buffer as ArrayBuffer]);
  }
}
