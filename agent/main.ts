#!/usr/bin/env node
import { dispatch, reportFailure } from './commands/dispatch.ts';

/** One key press can reach us twice: from the terminal, and passed on by npm. Later ones mean it. */
const SAME_PRESS_MS = 1000;

const stopping = new AbortController();
let signalTaken = false;

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

function endQuietlyWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') finish(reportFailure(error, process));
  else if (signalTaken) stopping.abort();
  else process.exit(0);
}

function finish(exitCode: number): void {
  // Everything written must be out before the exit, and nothing that a command left open may hold it up.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
}

process.stdout.on('error', endQuietlyWithoutReader);
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
