/** What a row of the table of sinks (sinks.ts) says: everything that the agent knows of one kind of log service. */
import type { Sink } from '../model/sink.ts';
import type { Environment, SinkContext, SinkPlan } from '../model/sink-plan.ts';
import type { Storage } from '../model/storage.ts';
import type { Fields, SectionNode, ValueOf } from '../options/option.ts';
import type { SinkOptions } from '../options/sink-options.ts';

/** @typeParam Options what the rows of a sink become once they are read, files included */
export interface SinkDefinition<F extends Fields, Options> extends Omit<SinkOptions, 'plan' | 'section'> {
  readonly section: SectionNode<F, false>;
  /** @param text what the file holds that an option names */
  read(values: ValueOf<SectionNode<F, false>>, text: (option: keyof F & string) => string | undefined): Options;
  /** What is heavy is loaded here, so that reading the table costs nothing. @throws OperationalError `config.invalid` */
  create(options: Options, context: SinkContext): Promise<Sink>;
  /** Where it sends and which way, for people. @throws OperationalError `config.invalid` */
  describe(options: Options, environment: Environment): string;
  /** The same for options that differ only in the way there. */
  storage(options: Options): Storage;
  /** Folders that it writes to; absent where it writes to none. */
  writes?(options: Options): readonly string[];
  /** How a command names such a service in one word. */
  readonly url: SinkUrl<Options>;
}

interface SinkUrl<Result> {
  /** For help and errors. */
  readonly example: string;
  readonly help: string;
  /** Undefined for a URL of another kind; `needs` is what is missing beside it. */
  read(url: URL, environment: Environment): Result | Needs | undefined;
}

export interface Needs {
  readonly needs: string;
}

export interface SinkKind extends SinkOptions {
  readonly url: SinkUrl<SinkPlan>;
}

/** One row: what reads it need not know which options its kind has. */
export function sinkKind<F extends Fields, Options extends object>(definition: SinkDefinition<F, Options>): SinkKind {
  const { kind, section, formerSection, url } = definition;
  const planOf = (name: string, options: Options): SinkPlan => ({
    name,
    kind,
    options,
    storage: definition.storage(options),
    ...(definition.writes === undefined ? {} : { writes: definition.writes(options) }),
    describe: (environment) => definition.describe(options, environment),
    create: (context) => definition.create(options, context),
  });
  return {
    kind,
    section,
    ...(formerSection === undefined ? {} : { formerSection }),
    check: (findings, host) => definition.check(findings, host),
    plan: (name, values, text) =>
      // The configuration has read the values by the same section.
      planOf(name, definition.read(values as ValueOf<SectionNode<F, false>>, text)),
    url: {
      example: url.example,
      help: url.help,
      read(address, environment) {
        const read = url.read(address, environment);
        return read === undefined || 'needs' in read ? read : planOf(kind, read);
      },
    },
  };
}
