import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command, Invocation } from '../cli/command.ts';
import { EXIT, type ExitCode, OperationalError } from '../model/operational-error.ts';
import { DEFAULT_STORE_FOLDER } from './logservice-client.ts';

export const logservice: Command = {
  name: 'logservice',
  summary: 'Run the embedded log service standalone.',
  usage: '[options]',
  description:
    'A log service with the upload protocol of Tencent Cloud Log Service that stores records in one DuckDB file: for ' +
    'evaluation, tests and small sites. Prints one line when it listens; the key is in credentials.json in the store. flowlogd run ' +
    'without a configuration starts one automatically.',
  options: [
    { name: 'store', value: 'DIR', default: DEFAULT_STORE_FOLDER, description: 'Folder for database, key and topics.' },
    {
      name: 'listen',
      value: 'HOST:PORT',
      description:
        'Listen address; every client that reaches it and has the key can write and search. Port 0 selects a free port. Default: ' +
        '127.0.0.1 and the first free port from 9514.',
    },
    {
      name: 'topic',
      value: 'ID[,WORD...]',
      multiple: true,
      description:
        'Create or change a topic; settings: index=on, index=off, closed, open. Default: one topic, flowlog.',
    },
    {
      name: 'retention-days',
      value: 'DAYS',
      default: '7',
      description: 'Delete records received before this many days.',
    },
    {
      name: 'store-bytes-max',
      value: 'BYTES',
      default: '4GiB',
      description: 'Maximum size of the store; beyond it the oldest records are deleted.',
    },
    {
      name: 'rules',
      value: 'NAME[,NAME...]',
      description: 'Rules of findings that run instead of those that run by default, as findings.rules of an agent.',
    },
  ],
  examples: [
    { line: 'flowlogd logservice', says: 'Listen on 127.0.0.1, with the store in .flowlogd/logservice.' },
    {
      line: 'flowlogd logservice --store /var/lib/flows --topic flowlog --topic archive,index=off',
      says: 'Serve two topics, one of them without an index.',
    },
  ],
  async run(invocation) {
    return await runLogService(invocation, serviceWords(invocation));
  },
};

function serviceWords(invocation: Invocation): string[] {
  const words: string[] = [];
  for (const name of ['store', 'listen', 'retention-days', 'store-bytes-max', 'rules']) {
    const value = invocation.string(name);
    if (value !== undefined) words.push(`--${name}=${value}`);
  }
  for (const topic of invocation.strings('topic')) words.push(`--topic=${topic}`);
  return words;
}

/**
 * A process of its own, because the service shares no code with the agent; this one only passes signals and the end on. Its
 * standard input is a pipe whose end it sees however this process ends, so that no orphan holds store and port.
 */
async function runLogService({ signal }: Invocation, words: readonly string[]): Promise<ExitCode> {
  const entry = fileURLToPath(new URL('../../logservice/main.js', import.meta.url));
  const child = spawn(process.execPath, [entry, ...words, '--log-findings', '--until-stdin-ends'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  let exit: readonly [code: number | null, signal: NodeJS.Signals | null];
  try {
    exit = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  } catch (error) {
    throw new OperationalError(
      'logservice.unreachable',
      `Starting the log service with ${process.execPath} failed: ${(error as Error).message}.`,
      error,
    );
  }
  const [code, endedBy] = exit;
  if (endedBy !== null) {
    throw new OperationalError('logservice.unreachable', `The log service was terminated by ${endedBy}.`);
  }
  // The service uses the same list of exit codes.
  return (Object.values(EXIT) as (number | null)[]).includes(code) ? (code as ExitCode) : EXIT.bug;
}
