import { StoreError } from './model/store-error.ts';
import { parseOptions, USAGE } from './options.ts';
import { type RunningService, startService } from './service.ts';
import { answerOneSearch } from './stopped-store.ts';
import { visible } from './visible-text.ts';

/** The process of the log service: options in, one ready line out, then nothing but warnings until it is stopped. */

const STOP_MS_MAX = 20_000;

const EXIT = { ok: 0, usage: 64, bug: 70 } as const;

async function main(): Promise<void> {
  // Whoever started it may go before it has said all; that is no failure of the service.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const options = parseOptions(process.argv.slice(2));
  if (typeof options === 'string') return fail(EXIT.usage, options);
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (options.search) return await answerOneSearch(options.folder);
  // The database makes files as it needs them; what it keeps is for its owner only.
  process.umask(0o077);
  // From here on a signal stops in good order, even amid the start.
  const stopped = stopRequested(options.untilStdinEnds);
  const service = await startService({
    ...options,
    now: Date.now,
    log: (line) => process.stderr.write(visible(`${line}\n`)),
    onFailure: (error) => fail(error.exitCode, error.message),
  });
  process.stdout.write(visible(`${readyLine(service)}\n`));
  await stopped;
  // What was answered is on the disk: a search that cannot be interrupted must not keep the process.
  setTimeout(() => process.exit(EXIT.ok), STOP_MS_MAX).unref();
  await service.stop();
  process.exitCode = EXIT.ok;
}

/** For people on a terminal, for a parent elsewhere. */
function readyLine({ url, socketPath, folder, topics }: RunningService): string {
  if (!process.stdout.isTTY) return JSON.stringify({ event: 'ready', url, socketPath, store: folder, topics });
  const names = topics.map(
    ({ id, index, closed }) => `${id}${index ? '' : ' (index off)'}${closed ? ' (closed)' : ''}`,
  );
  return `The log service listens on ${url}; store ${folder}; topics ${names.join(', ')}. Ctrl-C stops it.`;
}

/** SIGHUP ends a service of its own, as its terminal goes; one that belongs to a parent ends with that. */
function stopRequested(untilStdinEnds: boolean): Promise<void> {
  // Without a listener Node opens its inspector on SIGUSR1 and ends on SIGUSR2.
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);
  return new Promise((resolve) => {
    // A terminal sends SIGINT to the parent as well, which passes it on: hearing it twice is normal.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
    process.on('SIGHUP', () => untilStdinEnds || resolve());
    if (!untilStdinEnds) return;
    process.stdin.once('end', resolve).once('error', () => resolve());
    process.stdin.resume();
  });
}

function fail(code: number, message: string): never {
  process.stderr.write(visible(`flowlogd logservice: ${message}\n`));
  process.exit(code);
}

main().catch((error: unknown) => {
  if (error instanceof StoreError) fail(error.exitCode, error.message);
  fail(EXIT.bug, error instanceof Error ? (error.stack ?? error.message) : String(error));
});
