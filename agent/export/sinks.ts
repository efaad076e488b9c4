/**
 * The one table of sinks. A new kind of log service is a folder beside this file and a row here: what the agent creates,
 * describes and stores by, and the URLs of `replay --to`, follow from the row.
 */
import type { Sink } from '../model/sink.ts';
import type { Storage } from '../model/storage.ts';
import { CLS } from './cls/kind.ts';
import type { Environment, SinkContext, SinkKind } from './sink-kind.ts';

export const SINKS = [CLS] as const;

type Row = (typeof SINKS)[number];
type PlanOf<R> =
  R extends SinkKind<infer Kind, infer Options>
    ? { readonly name: string; readonly kind: Kind; readonly options: Options }
    : never;

/** One log service as a user names it. */
export type SinkPlan = PlanOf<Row>;

/** @throws OperationalError `config.invalid` */
export function createSink({ kind, options }: SinkPlan, context: SinkContext): Promise<Sink> {
  return rowOf(kind).create(options, context);
}

/** @throws OperationalError `config.invalid` */
export function describeSink({ kind, options }: SinkPlan, environment: Environment): string {
  return rowOf(kind).describe(options, environment);
}

export function storageOf({ kind, options }: SinkPlan): Storage {
  return rowOf(kind).storage(options);
}

/** What a URL names; undefined for one of no kind, `needs` where something beside it is missing. */
export function sinkFromUrl(url: URL, environment: Environment): SinkPlan | { readonly needs: string } | undefined {
  for (const row of SINKS) {
    const read = row.url.read(url, environment);
    if (read === undefined) continue;
    if ('needs' in read) return read;
    // A row reads its own options, which the union of all rows does not remember.
    return { name: row.kind, kind: row.kind, options: read.options } as SinkPlan;
  }
  return undefined;
}

export const SINK_URL_EXAMPLES = SINKS.map(({ url }) => url.example).join(' or ');
export const SINK_URL_HELP = SINKS.map(({ url }) => url.help).join(' ');

function rowOf(kind: SinkPlan['kind']): SinkKind<SinkPlan['kind'], SinkPlan['options']> {
  return SINKS.find((row) => row.kind === kind)!;
}
