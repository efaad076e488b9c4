#!/usr/bin/env node
import { dispatch, reportFailure, writingFailed } from './commands/dispatch.ts';
import { ProcessSignals } from './commands/process-signals.ts';

const signals = new ProcessSignals();
let isFinishing = false;

function endWithoutReader(error: NodeJS.ErrnoException): void {
  // A command that looks at its writes has the better sentence, and says it before this turn of the loop is over.
  if (!isReaderGone(error)) setImmediate(finish, 0);
  else if (signals.isTaken) signals.end();
  else signals.exit(0);
}

/** EPIPE of a pipe, EIO of a terminal that was closed. */
function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  const isTerminalGone = code === 'EIO' && process.stdout.isTTY === true;
  if (isTerminalGone) signals.hungUp();
  return code === 'EPIPE' || isTerminalGone;
}

function finish(exitCode: number): void {
  if (isFinishing) return;
  isFinishing = true;
  // Everything written must be out before the exit, and nothing that a command left open may hold it up.
  process.stdout.write('', () => {
    const { errored } = process.stdout as { errored?: NodeJS.ErrnoException | null };
    const lost = exitCode === 0 && errored && !isReaderGone(errored);
    const code = lost ? reportFailure(writingFailed(errored), process) : exitCode;
    process.stderr.write('', () => signals.exit(code));
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
      return signals.ending;
    },
    onHangUp: (listener) => signals.onHangUp(listener),
    onStatusRequest: (listener) => signals.onStatusRequest(listener),
    confine: async (programs) => (await import('./commands/confine.ts')).confine(programs),
    limitFiles: async (opened) => (await import('./commands/confine.ts')).limitOpenedFiles(opened),
  }),
);
