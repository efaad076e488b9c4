import { isIPv4, isIPv6 } from 'node:net';
import { parseArgs } from 'node:util';
import { RULE_NAMES } from '../detect/rule-names.ts';
import type { Address } from './http/listeners.ts';
import { parseTopicRequest, type TopicRequest } from './store/topics.ts';

/** The command line of the log service. */
export interface Options {
  readonly folder: string;
  readonly host: string;
  /** 0 for any that is free; undefined for the first free one from 9514 on. */
  readonly port: number | undefined;
  readonly topics: readonly TopicRequest[];
  readonly retentionMs: number;
  readonly storeBytesMax: number;
  /** Names of the rules that run; undefined for those that run by default. */
  readonly rules: readonly string[] | undefined;
  /** A line in the log for each finding: for who has no agent that tells of it. */
  readonly logFindings: boolean;
  /** End when standard input ends: for a parent that wants no orphan. */
  readonly untilStdinEnds: boolean;
  /** Answer one search of a store that no service has, and end. */
  readonly search: boolean;
  readonly help: boolean;
}

export const USAGE = `Usage: node logservice/main.js [options]

  --store DIR            Folder of the database, the key and the topics. Default: .flowlogd/logservice
  --listen HOST:PORT     Default: 127.0.0.1, the first free port from 9514 on. Port 0 takes any that is free.
  --topic ID[,WORD...]   Make or change a topic; may be repeated. Words: index=on, index=off, closed, open.
  --retention-days N     Delete logs that came more than N days ago. Default: 7
  --store-bytes-max N    Delete the oldest logs beyond this size of the database (4GiB, 500MiB...). Default: 4GiB
  --rules NAME[,NAME...] Rules of findings that run instead of those that run by default (docs/findings.md).
  --log-findings         A line on standard error for each finding that is opened, worsened, repeated or closed.
  --until-stdin-ends     Stop when standard input ends.
  --search               Answer one search of a stopped store, a line of JSON on standard input as POST /search takes it, and end.
  --help
`;

/** A text is a sentence about what is wrong. */
export function parseOptions(words: readonly string[]): Options | string {
  let values: ReturnType<typeof parseWords>;
  try {
    values = parseWords(words);
  } catch (error) {
    return (error as Error).message;
  }
  const listen = parseListen(values.listen);
  if (listen === undefined) return `--listen '${values.listen}' is not HOST:PORT, such as 127.0.0.1:9514 or [::1]:0`;
  const topics: TopicRequest[] = [];
  for (const text of values.topic) {
    const request = parseTopicRequest(text);
    if (request === undefined) {
      return `--topic '${text}' is not ID[,index=on|index=off][,closed|open] with an ID of letters, digits and _ . -`;
    }
    topics.push(request);
  }
  const days = Number(values['retention-days']);
  if (!(days > 0 && days <= 36_500))
    return `--retention-days '${values['retention-days']}' is no number of days up to 36500`;
  const storeBytesMax = parseSize(values['store-bytes-max']);
  if (storeBytesMax === undefined)
    return `--store-bytes-max '${values['store-bytes-max']}' is no size of 16MiB or more`;
  const rules = values.rules?.split(',');
  const unknown = rules?.find((name) => !(RULE_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) return `--rules '${unknown}' is no rule: expected ${RULE_NAMES.join(', ')}`;
  return {
    folder: values.store,
    ...listen,
    topics,
    retentionMs: days * 86_400_000,
    storeBytesMax,
    rules,
    logFindings: values['log-findings'],
    untilStdinEnds: values['until-stdin-ends'],
    search: values.search,
    help: values.help,
  };
}

function parseWords(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    options: {
      store: { type: 'string', default: '.flowlogd/logservice' },
      listen: { type: 'string' },
      topic: { type: 'string', multiple: true, default: [] },
      'retention-days': { type: 'string', default: '7' },
      'store-bytes-max': { type: 'string', default: '4GiB' },
      rules: { type: 'string' },
      'log-findings': { type: 'boolean', default: false },
      'until-stdin-ends': { type: 'boolean', default: false },
      search: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

/** Any address may be named: the default is loopback, and only an explicit --listen leaves it. */
function parseListen(text: string | undefined): Address | undefined {
  if (text === undefined) return { host: '127.0.0.1', port: undefined };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  const [, ipv6, name = ''] = match;
  if (port > 65_535 || (ipv6 !== undefined && !isIPv6(ipv6))) return undefined;
  if (ipv6 === undefined && !isIPv4(name) && !/^[A-Za-z0-9.-]+$/.test(name)) return undefined;
  return { host: ipv6 ?? name, port };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
const STORE_BYTES_MIN = 16 * 1024 ** 2;

function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15})([KMGT]iB)?$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * UNITS[match[2] ?? '']!;
  return bytes >= STORE_BYTES_MIN && Number.isSafeInteger(bytes) ? bytes : undefined;
}
