import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandEnd, type RunningCommand, startProgram } from './command.ts';
import { runInProcess } from './in-process.ts';
import type { NetworkNamespace } from './network-namespace.ts';

const LOG_SERVICE = resolve('dist/logservice/main.js');

/** A query that names a key of ledgers finds them, too. */
const EVERYTHING = 'ledger-status:* OR NOT ledger-status:*';

/** A log as the store holds it: its fields by name, and what the service knows of it. */
export type StoredLog = Readonly<Record<string, string | number | null>>;

export interface LogServiceOptions {
  readonly namespace?: NetworkNamespace | undefined;
  readonly folder: string;
  readonly port: number;
}

/** A port of the loopback interface that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** All logs of a store that match, through `flowlogd query` and the socket in the folder. */
export async function storedIn(folder: string, query: string): Promise<StoredLog[]> {
  const ever = ['--from', '0', '--to', '2100-01-01T00:00:00Z'];
  const words = ['query', query, '--store', folder, ...ever, '--limit', '10000', '--format', 'ndjson'];
  const { code, stdout, stderr } = await runInProcess(words);
  if (code !== 0) throw new Error(`the query ended with ${code}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as StoredLog);
}

/** Asks again until the logs satisfy `condition`; the test's own timeout bounds it. */
export async function untilStoredIn(
  folder: string,
  query: string,
  condition: (logs: readonly StoredLog[]) => boolean,
): Promise<StoredLog[]> {
  for (;;) {
    const logs = await storedIn(folder, query);
    if (condition(logs)) return logs;
    await sleep(50);
  }
}

/** The built log service as a process that a test can stop and kill, on a folder that outlives it. */
export class LogServiceProcess {
  readonly #options: LogServiceOptions;
  #running: RunningCommand | undefined;

  constructor(options: LogServiceOptions) {
    this.#options = options;
  }

  get folder(): string {
    return this.#options.folder;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  get keys(): { readonly secretId: string; readonly secretKey: string } {
    return JSON.parse(readFileSync(join(this.#options.folder, 'credentials.json'), 'utf8'));
  }

  async start(): Promise<void> {
    const { namespace, folder, port } = this.#options;
    const words = [LOG_SERVICE, '--store', folder, '--listen', `127.0.0.1:${port}`, '--topic', 'flowlog'];
    this.#running = startProgram([process.execPath, ...words], { namespace });
    await this.#running.until(({ stdout }) => stdout.includes('"ready"'));
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<CommandEnd> {
    return this.#running!.stop(signal);
  }

  /** All logs that match; without a query, the ledgers too. */
  query(query = EVERYTHING): Promise<StoredLog[]> {
    return storedIn(this.#options.folder, query);
  }

  /** Asks again until the logs satisfy `condition`; the test's own timeout bounds it. */
  until(condition: (logs: readonly StoredLog[]) => boolean, query = EVERYTHING): Promise<StoredLog[]> {
    return untilStoredIn(this.#options.folder, query, condition);
  }
}
