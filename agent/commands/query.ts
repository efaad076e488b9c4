import type { Command } from '../cli/command.ts';
import { EXIT } from '../model/operational-error.ts';
import { cutAdvice, ROWS_MAX, type SearchAnswer } from '../model/search.ts';
import { visible } from '../terminal/visible-text.ts';
import { writeFirstWindowNote } from './first-window.ts';
import { LogServiceClient } from './logservice-client.ts';
import { namedLogService, STORE_OPTIONS } from './running-store.ts';
import { FORMAT_OPTION, formatFound, searchFormat } from './search-text.ts';
import { searchTimes, TIME_OPTIONS } from './search-time.ts';

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
    ...STORE_OPTIONS,
    ...TIME_OPTIONS,
    { name: 'limit', short: 'n', value: 'ROWS', default: '100', description: 'Maximum number of rows, 1 to 10000.' },
    FORMAT_OPTION,
  ],
  examples: [
    { line: 'flowlogd query', says: 'Show the newest records.' },
    { line: "flowlogd query 'srcaddr:10.0.0.1 AND dstport:443'", says: 'Show matching records.' },
    {
      line: "flowlogd query --last 1h '* | select dstport, sum(bytes) as bytes group by dstport order by bytes desc limit 10'",
      says: 'Show the ports with the most bytes in the last hour.',
    },
    {
      line: "flowlogd query --format csv 'log-status:SKIPDATA' > lost.csv",
      says: 'Export the windows that lost packets as CSV.',
    },
    {
      line: 'flowlogd query --last 1h \'ledger-status:* | select sum("ledger-offered-packets") as packets\'',
      says: 'Sum the offered packets of all ledgers.',
    },
  ],
  async run(invocation) {
    const nowMs = Date.now();
    const location = await namedLogService('query', invocation);
    const format = searchFormat(invocation);
    const text = invocation.positionals[0] ?? '';
    const limit = invocation.integer('limit', { min: 1, max: ROWS_MAX });
    const answer = await new LogServiceClient(location, Date.now).search({
      query: text,
      exclude: text.includes(LEDGER_KEYS) ? undefined : `${LEDGER_KEYS}status:*`,
      ...searchTimes('query', invocation, nowMs),
      limit,
    });
    const width = (invocation.stdout.isTTY && invocation.stdout.columns) || undefined;
    if (answer.rows.length > 0 || format !== 'table') invocation.stdout.write(formatFound(answer, format, width));
    if (format === 'table' || answer.rows.length === 0) invocation.stderr.write(summary(answer, limit));
    if (answer.rows.length === 0 && !invocation.has('url')) {
      await writeFirstWindowNote(invocation, location.storeFolder, nowMs);
    }
    return EXIT.ok;
  },
};

function summary(answer: SearchAnswer, limit: number): string {
  const { rows, truncated, elapsedMs, notes } = answer;
  const more = truncated ? ` (${cutAdvice(answer, limit)})` : '';
  const found = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${more}, ${elapsedMs} ms`;
  return `${[found, ...notes].map(visible).join('\n')}\n`;
}
