import type { Command, Invocation } from '../cli/command.ts';
import { EXIT, OperationalError } from '../model/operational-error.ts';
import { WINDOW_SECONDS_MAX } from '../model/window-bounds.ts';
import { withoutPassword } from '../options/kinds.ts';
import { parseSeconds } from '../options/quantity.ts';
import { visible } from '../terminal/visible-text.ts';
import { DEFAULT_STORE_FOLDER, LogServiceClient, locateLogService, type SearchAnswer } from './logservice-client.ts';
import { formatFound, SEARCH_FORMATS } from './search-text.ts';

/** What the keys of a ledger log begin with: such a log is no record, and found only by a query that names one of them. */
const LEDGER_KEYS = 'ledger-';

export const query: Command = {
  name: 'query',
  summary: 'Search the records in the embedded log service.',
  usage: "['CONDITION | SQL'] [options]",
  description:
    'The condition: key:value, "quoted phrases", AND, OR, NOT and parentheses, key>number, wildcards as in 10.0.*, prefixes as in ' +
    'srcaddr:10.0.0.0/8, key:* for present; empty or * matches all. After the bar, SQL (SELECT of DuckDB, FROM is optional) over ' +
    'the matching records; a query that begins with SELECT needs no bar.\n\n' +
    'Ledgers of windows match only conditions on their own keys, such as ledger-status:*.\n\n' +
    'Times: now, an age (15m), ISO 8601, or Unix seconds. The time of a record is the end of its window.',
  positionals: { name: 'QUERY', min: 0, max: 1 },
  options: [
    { name: 'store', value: 'DIR', default: DEFAULT_STORE_FOLDER, description: 'Folder of the log service store.' },
    {
      name: 'url',
      value: 'URL',
      description: 'URL of the log service. Default: read from the store, as the key always is.',
    },
    { name: 'topic', value: 'ID', description: 'Topic to search. Default: the first one of the service.' },
    { name: 'from', value: 'TIME', default: '15m', description: 'Earliest time.' },
    {
      name: 'to',
      value: 'TIME',
      description: 'Latest time. Default: no limit, to include the open window.',
    },
    { name: 'limit', short: 'n', value: 'ROWS', default: '100', description: 'Maximum number of rows, 1 to 10000.' },
    {
      name: 'format',
      value: 'FORMAT',
      description: `${SEARCH_FORMATS.join(', ')}. Default: table on a terminal, ndjson when piped.`,
    },
  ],
  examples: [
    { line: 'flowlogd query', says: 'Show the newest records.' },
    { line: "flowlogd query 'srcaddr:10.0.0.1 AND dstport:443'", says: 'Show matching records.' },
    {
      line: "flowlogd query --from 1h '* | select dstport, sum(bytes) as bytes group by dstport order by bytes desc limit 10'",
      says: 'Show the ports with the most bytes in the last hour.',
    },
    {
      line: "flowlogd query --format csv 'log-status:SKIPDATA' > lost.csv",
      says: 'Export the windows that lost packets as CSV.',
    },
    {
      line: 'flowlogd query --from 1h \'ledger-status:* | select sum("ledger-offered-packets") as packets\'',
      says: 'Sum the offered packets of all ledgers.',
    },
  ],
  async run(invocation) {
    const nowMs = Date.now();
    const given = invocation.string('url');
    const location = locateLogService(invocation.required('store'), {
      url: given === undefined ? undefined : parseUrl(given),
      topicId: invocation.string('topic'),
    });
    const format = invocation.has('format')
      ? invocation.choice('format', SEARCH_FORMATS)
      : invocation.stdout.isTTY
        ? 'table'
        : 'ndjson';
    const text = invocation.positionals[0] ?? '';
    const answer = await new LogServiceClient(location, Date.now).search({
      query: text,
      exclude: text.includes(LEDGER_KEYS) ? undefined : `${LEDGER_KEYS}status:*`,
      fromMs: timeOption(invocation, 'from', nowMs),
      toMs: invocation.has('to') ? timeOption(invocation, 'to', nowMs) : nowMs + WINDOW_SECONDS_MAX * 1000,
      limit: invocation.integer('limit', { min: 1, max: 10_000 }),
    });
    const width = (invocation.stdout.isTTY && invocation.stdout.columns) || undefined;
    if (answer.rows.length > 0 || format !== 'table') invocation.stdout.write(formatFound(answer, format, width));
    if (format === 'table' || answer.rows.length === 0) invocation.stderr.write(summary(answer));
    return EXIT.ok;
  },
};

function summary({ rows, truncated, elapsedMs, notes }: SearchAnswer): string {
  const more = truncated ? ' (limit reached, raise --limit)' : '';
  return `${[`${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${more}, ${elapsedMs} ms`, ...notes.map(visible)].join('\n')}\n`;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === '') return url;
  throw new OperationalError(
    'usage.invalid',
    `query: invalid --url '${withoutPassword(text)}': expected a URL such as http://127.0.0.1:9514, without user`,
  );
}

function timeOption(invocation: Invocation, name: 'from' | 'to', nowMs: number): number {
  const text = invocation.required(name);
  const time = parseTime(text, nowMs);
  if (time !== undefined) return time;
  throw new OperationalError(
    'usage.invalid',
    `query: invalid --${name} '${text}': expected now, an age (15m), an ISO 8601 time (2024-05-01T12:00:00Z) or Unix seconds`,
  );
}

/** Numbers of this size are times; smaller ones with or without a unit are so long ago. */
const UNIX_SECONDS_MIN = 100_000_000;
const UNIX_MILLISECONDS_MIN = 100_000_000_000;

/** Unix milliseconds; undefined when the text is no time. */
export function parseTime(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  if (text === '0') return 0;
  if (/^\d+$/.test(text) && Number(text) >= UNIX_SECONDS_MIN) {
    const number = Number(text);
    return Number.isSafeInteger(number * 1000) ? number * (number < UNIX_MILLISECONDS_MIN ? 1000 : 1) : undefined;
  }
  const ago = parseSeconds(text.replace(/^-/, ''));
  if (ago !== undefined) return nowMs - ago * 1000;
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
