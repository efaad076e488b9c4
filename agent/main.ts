#!/usr/bin/env node
import { dispatch, reportFailure, writingFailed } from './commands/dispatch.ts';

/** One key press can reach us twice: from the terminal, and passed on by npm. Later ones mean it. */
const SAME_PRESS_MS = 1000;

const stopping = new AbortController();
let signalTaken = false;
let isFinishing = false;

/** Takes SIGINT and SIGTERM over: the first asks for a good end, one that comes a second later ends at once. */
function takeSignals(): AbortSignal {
  if (signalTaken) return stopping.signal;
  signalTaken = true;
  let askedAt: number | undefined;
  for (const [signal, exitCode] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.on(signal, () => {
      if (askedAt !== undefined && performance.now() - askedAt > SAME_PRESS_MS) process.exit(exitCode);
      askedAt ??= performance.now();
      stopping.abort();
    });
  }
  return stopping.signal;
}

function endWithoutReader(error: NodeJS.ErrnoException): void {
  // A command that looks at its writes has the better sentence, and says it before this turn of the loop is over.
  if (error.code !== 'EPIPE') setImmediate(finish, 0);
  else if (signalTaken) stopping.abort();
  else process.exit(0);
}

function finish(exitCode: number): void {
  if (isFinishing) return;
  isFinishing = true;
  // Everything written must be out before the exit, and nothing that a command left open may hold it up.
  process.stdout.write('', () => {
    const { errored } = process.stdout as { errored?: NodeJS.ErrnoException | null };
    const lost = exitCode === 0 && errored && errored.code !== 'EPIPE';
    const code = lost ? reportFailure(writingFailed(errored), process) : exitCode;
    process.stderr.write('', () => process.exit(code));
  });
}

process.stdout.on('error', endWithoutReader);
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => finish(reportFailure(error, process)));

finish(
  await dispatch(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    get signal() {
      return takeSignals();
    },
  }),
);
