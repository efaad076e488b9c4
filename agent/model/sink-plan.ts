import type { Sink } from './sink.ts';
import type { Storage } from './storage.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One log service as its user named it, before anything connects to it. */
export interface SinkPlan {
  /** By which flow logs, status and metrics name it. */
  readonly name: string;
  readonly kind: string;
  readonly options: unknown;
  /** A digest of what the files hold that its options name; undefined where they name none. */
  readonly contents?: string | undefined;
  /** It gets no new batches; what is pending for it is delivered. */
  readonly isDraining?: boolean;
  /** The same for options that differ only in the way there. */
  readonly storage: Storage;
  /** Folders that it writes to; absent for most, which write to none. */
  readonly writes?: readonly string[];
  /** Where it sends and which way, for people. @throws OperationalError `config.invalid` */
  describe(environment: Environment): string;
  /** @throws OperationalError `config.invalid` */
  create(context: SinkContext): Promise<Sink>;
}

/** The files with keys, certificates and proxies that options of sinks name. */
export interface SinkFiles {
  readonly paths: readonly string[];
  /** The sinks with what those hold now, all else as at the start. @throws OperationalError `config.invalid` */
  readAgain(): readonly SinkPlan[];
}

/** Takes a file that one process at a time holds. @throws what the file system throws */
export type TakeLock = (
  path: string,
) => { readonly kind: 'held'; release(): void } | { readonly kind: 'taken'; readonly holder: string };

/** What a sink is given of the process around it. */
export interface SinkContext {
  readonly environment: Environment;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
  /** The log service beside this agent; undefined where no sink of it stores there. */
  readonly embedded?: EmbeddedService | undefined;
  /** Undefined where nothing can be locked. */
  readonly lock?: TakeLock | undefined;
}

/** How the log service beside this agent is reached; it may be restarted, and then has another socket and key. */
export interface EmbeddedService {
  readonly storeFolder: string;
  readonly socketPath: string;
  readonly credentials: { readonly secretId: string; readonly secretKey: string };
  /** Resolved when it listens for the first time, or could not be started then. */
  readonly started: Promise<void>;
}
