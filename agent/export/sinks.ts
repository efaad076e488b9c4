/**
 * The one table of sinks. A new kind of log service is a folder beside this file and a row here: its options in the
 * configuration, what the agent creates, describes and stores by, and the URLs of `replay --to`, follow from the row.
 */
import type { Environment, SinkPlan } from '../model/sink-plan.ts';
import { CLS } from './cls/kind.ts';
import { FILE } from './file/kind.ts';
import { IPFIX } from './ipfix/kind.ts';
import { OTLP } from './otlp/kind.ts';
import type { Needs, SinkKind } from './sink-kind.ts';
import { STDOUT } from './stdout/kind.ts';

export const SINKS: readonly SinkKind[] = [CLS, OTLP, IPFIX, FILE, STDOUT];

/** What a URL names; undefined for one of no kind, or with a user, whom no kind takes; `needs` where something beside it is missing. */
export function sinkFromUrl(url: URL, environment: Environment): SinkPlan | Needs | undefined {
  if (url.username + url.password !== '') return undefined;
  for (const row of SINKS) {
    const read = row.url.read(url, environment);
    if (read !== undefined) return read;
  }
  return undefined;
}

export const SINK_URL_EXAMPLES = SINKS.map(({ url }) => url.example).join(' or ');
export const SINK_URL_HELP = SINKS.map(({ url }) => url.help).join(' ');
