/**
 * The embedded log service of an agent, kept running: started again with back-off whenever it ends, for as long as the agent
 * runs. Meanwhile batches are pending on disk. Uploads go through the socket in the store's folder, which only the agent's user can
 * make and open, so no process that took the port can be taken for the service.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackoffLimits, backoffMs } from '../export/backoff.ts';
import type { Timers } from '../export/timers.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { EmbeddedService } from '../model/sink-plan.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import { type LogServiceRun, launchLogService, logServiceEntry } from './embedded-service.ts';
import { shortSocketPath } from './short-socket-path.ts';

/** The first wait is short, because a single death is an accident; the cap bounds what a service that cannot start costs. */
const RESTART_BACKOFF: BackoffLimits = { initialMs: 1_000, capMs: 30_000 };
/** A service that ran for so long was well: its death counts as the first. */
const SETTLED_MS = 60_000;

export interface LogServiceKeeperOptions {
  readonly storeFolder: string;
  readonly log: Log;
  readonly timers: Timers;
  readonly random: () => number;
  readonly nowSeconds: () => number;
  readonly launch?: (storeFolder: string, onLine: (line: string) => void) => LogServiceRun;
}

export class LogServiceKeeper implements EmbeddedService {
  readonly #options: LogServiceKeeperOptions;
  readonly #started: Promise<void>;
  #settleStart: () => void = () => undefined;
  #onReady: () => void = () => undefined;
  #run: LogServiceRun | undefined;
  #socketPath: string | undefined;
  #credentials: EmbeddedService['credentials'] = { secretId: '', secretKey: '' };
  #state: LogServiceStatus['state'] = 'starting';
  #url: string | null = null;
  #sinceSeconds: number;
  #lastError: string | null = null;
  #restarts = 0;
  #failures = 0;
  #cancelPause: (() => void) | undefined;
  #isStopping = false;

  constructor(options: LogServiceKeeperOptions) {
    this.#options = options;
    this.#sinceSeconds = options.nowSeconds();
    this.#started = new Promise((resolve) => {
      this.#settleStart = resolve;
    });
  }

  /** Resolved when it listens for the first time, or could not be started then. */
  get started(): Promise<void> {
    return this.#started;
  }

  get storeFolder(): string {
    return this.#options.storeFolder;
  }

  get socketPath(): string {
    return this.#socketPath ?? join(this.#options.storeFolder, 'service.sock');
  }

  get credentials(): EmbeddedService['credentials'] {
    return this.#credentials;
  }

  get status(): LogServiceStatus {
    return {
      state: this.#state,
      url: this.#url,
      storeFolder: this.#options.storeFolder,
      sinceSeconds: this.#sinceSeconds,
      restarts: this.#restarts,
      lastError: this.#lastError,
    };
  }

  /** @param onReady told whenever it listens; it may have ended before */
  start(onReady: () => void): Promise<void> {
    this.#onReady = onReady;
    void this.#keep();
    return this.#started;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelPause?.();
    await this.#run?.stop();
    this.#settleStart();
  }

  async #keep(): Promise<void> {
    const { timers, random } = this.#options;
    while (!this.#isStopping) {
      const startedAt = timers.now();
      const reason = await this.#once();
      if (this.#isStopping) return;
      this.#failures = timers.now() - startedAt > SETTLED_MS ? 1 : this.#failures + 1;
      const delayMs = backoffMs(RESTART_BACKOFF, this.#failures, random);
      this.#died(reason, delayMs);
      await this.#pause(delayMs);
      this.#restarts++;
    }
  }

  /** From its start to its end; answers why it ended. */
  async #once(): Promise<string> {
    const { storeFolder, log, launch = launchLogService } = this.#options;
    const run = launch(storeFolder, (line) => log.warn(`embedded log service: ${line}`));
    this.#run = run;
    try {
      const ready = await run.ready;
      if (ready !== undefined) this.#isReady(ready);
    } catch (error) {
      // One that cannot be used holds the store: it ends before another starts.
      await run.stop();
      return (error as Error).message;
    }
    return await run.ended;
  }

  #isReady({ url, socketPath }: { readonly url: string; readonly socketPath: string }): void {
    const { storeFolder, log } = this.#options;
    this.#credentials = JSON.parse(readFileSync(join(storeFolder, 'credentials.json'), 'utf8'));
    this.#socketPath = shortSocketPath(socketPath);
    this.#url = url;
    this.#enter('running');
    this.#settleStart();
    // Another message each time: one that repeats within a minute is counted and not written.
    const what = this.#restarts === 0 ? 'ready' : `ready after ${this.#restarts} restarts`;
    log.info(`embedded log service ${what}`, { url, store: storeFolder });
    this.#onReady();
  }

  #died(reason: string, delayMs: number): void {
    this.#lastError = reason;
    this.#enter('down');
    this.#settleStart();
    const retrySeconds = Number((delayMs / 1000).toFixed(1));
    this.#options.log.error('embedded log service down; batches are pending on disk', { reason, retrySeconds });
  }

  #enter(state: LogServiceStatus['state']): void {
    this.#state = state;
    this.#sinceSeconds = this.#options.nowSeconds();
    if (state === 'down') this.#url = null;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(delayMs, resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** @throws OperationalError `logservice.unreachable` for an installation without it */
export function requireLogService(): void {
  if (existsSync(logServiceEntry())) return;
  throw new OperationalError(
    'logservice.unreachable',
    'This installation has no embedded log service: name a log service in the configuration (sinks).',
  );
}
