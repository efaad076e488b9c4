/**
 * The files with keys, certificates and proxies that sinks name, read again while the agent runs: when one of them changed, which is
 * looked for every two seconds, and at once when a service rejects uploads. What cannot be used leaves the sinks as they are, and is
 * tried again, less and less often: the disk or the descriptors may have been what it lacked.
 */
import { stat } from 'node:fs/promises';
import { type BackoffLimits, backoffMs } from '../export/backoff.ts';
import { RenewableSink } from '../export/renewable-sink.ts';
import { type Beat, startBeat } from '../model/beat.ts';
import type { Sink } from '../model/sink.ts';
import type { SinkContext, SinkFiles, SinkPlan } from '../model/sink-plan.ts';
import type { Log } from '../telemetry/log.ts';

const LOOK_SECONDS = 2;
const RETRY: BackoffLimits = { initialMs: 4000, capMs: 60_000 };

interface Renewable {
  readonly sink: RenewableSink;
  contents: string;
}

export interface SinkRenewalOptions {
  readonly files: SinkFiles;
  readonly context: SinkContext;
  readonly log: Log;
}

export class SinkRenewal {
  readonly #options: SinkRenewalOptions;
  readonly #sinks = new Map<string, Renewable>();
  #stamp: string | undefined;
  /** Messages of the last attempt, which are logged once. */
  #failed: readonly string[] = [];
  #failures = 0;
  #retryAtMs = 0;
  #looking: Promise<void> = Promise.resolve();
  #beat: Beat | undefined;
  #onRenewed: () => void = () => undefined;

  constructor(options: SinkRenewalOptions) {
    this.#options = options;
  }

  /** Answers the sink as one that is renewed; one without such files as it is. */
  add({ name, contents }: SinkPlan, sink: Sink): Sink {
    if (contents === undefined) return sink;
    const renewable = new RenewableSink(sink, () => this.look());
    this.#sinks.set(name, { sink: renewable, contents });
    return renewable;
  }

  /** @param onRenewed a sink has other secrets: what was rejected may pass */
  start(onRenewed: () => void): void {
    if (this.#sinks.size === 0) return;
    this.#onRenewed = onRenewed;
    this.#beat = startBeat(LOOK_SECONDS, () => void this.look());
  }

  stop(): void {
    this.#beat?.stop();
  }

  /** One look after the other: of those that ask at once, the later ones find nothing more. Never rejects. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const stamp = await stampOf(this.#options.files.paths);
    const { files, context } = this.#options;
    if (stamp === this.#stamp && (this.#failures === 0 || context.nowMs() < this.#retryAtMs)) return;
    // Of before the reading, so that what changes amid it is found at the next look.
    this.#stamp = stamp;
    const failed: string[] = [];
    await attempt(failed, async () => {
      // What fails concerns no other sink.
      for (const plan of files.readAgain()) await attempt(failed, () => this.#renew(plan));
    });
    this.#conclude(failed);
  }

  #conclude(failed: readonly string[]): void {
    const { context, log } = this.#options;
    for (const message of failed.filter((each) => !this.#failed.includes(each)))
      log.error(`reloading credentials failed; keeping the current ones: ${message}`);
    this.#failed = failed;
    this.#failures = failed.length === 0 ? 0 : this.#failures + 1;
    this.#retryAtMs = context.nowMs() + backoffMs(RETRY, this.#failures, Math.random);
  }

  async #renew(plan: SinkPlan): Promise<void> {
    const { context, log } = this.#options;
    const known = this.#sinks.get(plan.name);
    if (known === undefined || plan.contents === undefined || plan.contents === known.contents) return;
    known.sink.renew(await plan.create(context));
    known.contents = plan.contents;
    log.info(`credentials of sink ${plan.name} reloaded`);
    this.#onRenewed();
  }
}

async function attempt(failed: string[], renew: () => Promise<void>): Promise<void> {
  try {
    await renew();
  } catch (error) {
    failed.push((error as Error).message);
  }
}

/** What tells that a file is another, or has been written. */
async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = paths.map(async (path) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  });
  return (await Promise.all(stamps)).join('\n');
}
