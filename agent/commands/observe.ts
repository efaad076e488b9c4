import type { Command, Invocation } from '../cli/command.ts';
import { EXIT, OperationalError } from '../model/operational-error.ts';
import { CONVERSATION_COLUMNS } from '../observe/columns.ts';
import { FILTER_OPTIONS, type InterfaceIds } from '../observe/filter-options.ts';
import type { FormatRows } from '../observe/printer.ts';
import { counted } from '../record/human.ts';
import { visible } from '../terminal/visible-text.ts';
import { AGENT_OPTIONS, namedAgent } from './agent-options.ts';
import { writeFirstWindowNote } from './first-window.ts';
import { STORE_OPTIONS } from './running-store.ts';
import { FORMAT_OPTION, formatFound, SEARCH_FORMATS, type SearchFormat } from './search-text.ts';
import { searchTimes, TIME_OPTIONS } from './search-time.ts';

/** Whole documents have an end, and a table its widths from all rows. */
const ENDLESS_FORMATS: readonly SearchFormat[] = ['text', 'ndjson', 'csv'];

export const observe: Command = {
  name: 'observe',
  summary: 'Follow what flows now, or look back: one line for each conversation.',
  usage: "['CONDITION'] [-f | --last TIME] [filters] [options]",
  description:
    'With -f it follows the running agent, in steps of a second, from the windows that are still open: no second capture, and no cost for the packet path. ' +
    'Without -f it looks back over the records of the embedded log service.\n\n' +
    'A line has both directions of a conversation: who began it -> who answered, packets and bytes each way (with -f those of the step), the time of ' +
    'the handshake, the verdict with its rule, and how it stands: open, closed (FIN), reset, refused, unanswered.\n\n' +
    'The condition is that of flowlogd query, such as srcaddr:10.0.0.0/8 AND NOT dstport:443, and has the same meaning live. It and the filters are asked of each flow, ' +
    'so a condition on one direction shows that direction alone.',
  positionals: { name: 'CONDITION', min: 0, max: 1 },
  options: [
    {
      name: 'follow',
      short: 'f',
      excludes: ['since', 'until', 'limit'],
      description: 'Follow what flows now.',
    },
    ...TIME_OPTIONS,
    ...FILTER_OPTIONS,
    { name: 'single-flows', description: 'Each direction on a line of its own.' },
    {
      name: 'limit',
      short: 'n',
      value: 'NUMBER',
      default: '10000',
      description: 'Maximum number of lines, the newest ones, 1 to 10000.',
    },
    ...AGENT_OPTIONS,
    ...STORE_OPTIONS,
    {
      ...FORMAT_OPTION,
      description: `${SEARCH_FORMATS.join(', ')}; with -f ${ENDLESS_FORMATS.join(', ')}. Default: text on a terminal, ndjson when piped.`,
    },
  ],
  examples: [
    { line: 'flowlogd observe -f', says: 'Follow all conversations.' },
    { line: "flowlogd observe -f --port 443 'NOT dstaddr:10.0.0.0/8'", says: 'Follow HTTPS to other networks.' },
    { line: 'flowlogd observe --last 1h --host 10.0.0.1', says: 'Show the conversations of a host in the last hour.' },
    { line: 'flowlogd observe --last 1h --verdict REJECT -o csv', says: 'Print what was rejected, as CSV.' },
  ],
  async run(invocation) {
    return await (invocation.flag('follow') ? followAgent(invocation) : lookAtStore(invocation));
  },
};

async function followAgent(invocation: Invocation): Promise<number> {
  const { signal, stderr } = invocation;
  const format = formatOf(invocation);
  if (!ENDLESS_FORMATS.includes(format)) {
    throw new OperationalError(
      'usage.invalid',
      `observe: --format ${format} cannot be combined with -f: expected one of ${ENDLESS_FORMATS.join(', ')}`,
    );
  }
  const [{ askAgent }, { follow }, { conditionText, matcherFor }, { Printer }] = await Promise.all([
    import('./agent-client.ts'),
    import('../observe/follow.ts'),
    import('../observe/filters.ts'),
    import('../observe/printer.ts'),
  ]);
  // Read before anybody is asked: an invalid condition is the user's own.
  matcherFor(conditionText(invocation, new Map()));
  const { socketPaths, stateDirectory } = await namedAgent(invocation);
  const { socketPath, status } = await askAgent(socketPaths, stateDirectory).catch(withAdvice);
  const printer = new Printer(invocation.stdout, formatRows(invocation, format));
  await follow({
    socketPath,
    matches: matcherFor(conditionText(invocation, idsOf(status.interfaces))),
    isSingle: invocation.flag('single-flows'),
    signal,
    print: (conversations) => printer.print(conversations),
    notify: (sentence) => stderr.writeMessage(sentence),
  });
  return EXIT.ok;
}

/** What would answer. */
function withAdvice(error: unknown): never {
  if (!(error instanceof OperationalError)) throw error;
  throw new OperationalError(
    error.code,
    `${error.message} flowlogd run (or npm start) starts one; without an agent flowlogd debug shows what flows.`,
    error,
  );
}

function idsOf(interfaces: readonly { readonly interface: string; readonly interfaceId: string }[]): InterfaceIds {
  const ids = new Map<string, string[]>();
  for (const { interface: name, interfaceId } of interfaces) ids.set(name, [...(ids.get(name) ?? []), interfaceId]);
  return ids;
}

async function lookAtStore(invocation: Invocation): Promise<number> {
  const [{ LogServiceClient }, { namedLogService }, { lookBack }, { conditionText }, { Printer }] = await Promise.all([
    import('./logservice-client.ts'),
    import('./running-store.ts'),
    import('../observe/look-back.ts'),
    import('../observe/filters.ts'),
    import('../observe/printer.ts'),
  ]);
  const nowMs = Date.now();
  const interfaceIds = invocation.has('interface') ? await runningInterfaces(invocation) : new Map();
  const condition = conditionText(invocation, interfaceIds);
  const location = await namedLogService('observe', invocation);
  const client = new LogServiceClient(location, Date.now);
  const { conversations, records, notes } = await lookBack((question) => client.search(question), {
    condition,
    ...searchTimes('observe', invocation, nowMs),
    isSingle: invocation.flag('single-flows'),
    limit: invocation.integer('limit', { min: 1, max: 10_000 }),
  });
  await new Printer(invocation.stdout, formatRows(invocation, formatOf(invocation))).print(conversations);
  const noun = invocation.flag('single-flows') ? 'flow' : 'conversation';
  const summary = `${counted(conversations.length, noun)} of ${counted(records, 'record')}`;
  for (const line of [summary, ...notes]) invocation.stderr.write(`${visible(line)}\n`);
  if (records === 0 && !invocation.has('url')) await writeFirstWindowNote(invocation, location.storeFolder, nowMs);
  return EXIT.ok;
}

/** None where no agent answers: then an interface is named by its id. */
async function runningInterfaces(invocation: Invocation): Promise<InterfaceIds> {
  const { askAgent } = await import('./agent-client.ts');
  try {
    const { socketPaths, stateDirectory } = await namedAgent(invocation);
    return idsOf((await askAgent(socketPaths, stateDirectory)).status.interfaces);
  } catch (error) {
    if (error instanceof OperationalError) return new Map();
    throw error;
  }
}

function formatOf(invocation: Invocation): SearchFormat {
  if (invocation.has('format')) return invocation.choice('format', SEARCH_FORMATS);
  return invocation.stdout.isTTY ? 'text' : 'ndjson';
}

/** Undefined for lines that people read. */
function formatRows({ stdout }: Invocation, format: SearchFormat): FormatRows | undefined {
  if (format === 'text') return undefined;
  const width = (stdout.isTTY && stdout.columns) || undefined;
  return (conversations, isFirst) => {
    const rows = conversations.map((values) => CONVERSATION_COLUMNS.map(({ name }) => values[name]));
    const text = formatFound({ columns: CONVERSATION_COLUMNS, rows }, format, width);
    return format === 'csv' && !isFirst ? text.slice(text.indexOf('\n') + 1) : text;
  };
}
