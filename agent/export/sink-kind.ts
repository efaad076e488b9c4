/** What a row of the table of sinks (sinks.ts) says: everything that the agent knows of one kind of log service. */
import type { Sink } from '../model/sink.ts';
import type { Storage } from '../model/storage.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a sink is given of the process around it. */
export interface SinkContext {
  readonly environment: Environment;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
}

export interface SinkKind<Kind extends string, Options> {
  readonly kind: Kind;
  /** What is heavy is loaded here, so that reading the table costs nothing. @throws OperationalError `config.invalid` */
  create(options: Options, context: SinkContext): Promise<Sink>;
  /** Where it sends and which way, for people. @throws OperationalError `config.invalid` */
  describe(options: Options, environment: Environment): string;
  /** The same for options that differ only in the way there. */
  storage(options: Options): Storage;
  /** How a command names such a service in one word. */
  readonly url: {
    /** For help and errors. */
    readonly example: string;
    readonly help: string;
    /** Undefined for a URL of another kind; `needs` is what is missing beside it. */
    read(url: URL, environment: Environment): { readonly options: Options } | { readonly needs: string } | undefined;
  };
}
