import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command, Invocation } from '../cli/command.ts';
import { EXIT, type ExitCode, OperationalError } from '../model/operational-error.ts';
import { DEFAULT_STORE_FOLDER } from './logservice-client.ts';

export const logservice: Command = {
  name: 'logservice',
  summary: 'Run the embedded log service by itself.',
  usage: '[options]',
  description:
    'A log service that speaks the upload protocol of Tencent Cloud Log Service and stores what it takes in one DuckDB file: for ' +
    'trying, testing and small sites. It prints one line when it listens; its key is in credentials.json in the store. flowlogd run ' +
    'without a configuration starts one by itself.',
  options: [
    { name: 'store', value: 'DIR', default: DEFAULT_STORE_FOLDER, description: 'Folder of database, key and topics.' },
    {
      name: 'listen',
      value: 'HOST:PORT',
      description:
        'Where to listen; whoever can reach it and has the key can write and search. Port 0 takes any that is free. Default: ' +
        '127.0.0.1 and the first free port from 9514 on.',
    },
    {
      name: 'topic',
      value: 'ID[,WORD...]',
      multiple: true,
      description:
        'Make or change a topic; words are index=on, index=off, closed, open. Without any, there is one topic: flowlog.',
    },
    { name: 'retention-days', value: 'DAYS', default: '7', description: 'Delete records that came longer ago.' },
    {
      name: 'store-bytes-max',
      value: 'BYTES',
      default: '4GiB',
      description: 'Delete the oldest records beyond this size.',
    },
  ],
  examples: [
    { line: 'flowlogd logservice', says: 'on 127.0.0.1, with its store in .flowlogd/logservice' },
    {
      line: 'flowlogd logservice --store /var/lib/flows --topic flowlog --topic archive,index=off',
      says: 'two topics, one of which is only stored',
    },
  ],
  async run(invocation) {
    return await runLogService(invocation, serviceWords(invocation));
  },
};

function serviceWords(invocation: Invocation): string[] {
  const words: string[] = [];
  for (const name of ['store', 'listen', 'retention-days', 'store-bytes-max']) {
    const value = invocation.string(name);
    if (value !== undefined) words.push(`--${name}=${value}`);
  }
  for (const topic of invocation.strings('topic')) words.push(`--topic=${topic}`);
  return words;
}

/** A process of its own, because the service shares no code with the agent; this one only passes signals and the end on. */
async function runLogService({ signal }: Invocation, words: readonly string[]): Promise<ExitCode> {
  const entry = fileURLToPath(new URL('../../logservice/main.js', import.meta.url));
  const child = spawn(process.execPath, [entry, ...words], { stdio: 'inherit' });
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
    throw new OperationalError('logservice.unreachable', `The log service was ended by ${endedBy}.`);
  }
  // The service uses the same list of exit codes.
  return (Object.values(EXIT) as (number | null)[]).includes(code) ? (code as ExitCode) : EXIT.bug;
}
