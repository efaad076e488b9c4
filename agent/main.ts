#!/usr/bin/env node
import { dispatch, reportFailure, writingFailed } from './commands/dispatch.ts';
import { ProcessSignals } from './commands/process-signals.ts';
import { StandardOutput } from './commands/standard-output.ts';

const signals = new ProcessSignals();
const stdout = new StandardOutput(1, () => process.stdout.on('error', endWithoutReader));
const stderr = new StandardOutput(2, () => process.stderr.on('error', () => {}));
let isFinishing = false;

function endWithoutReader(error: NodeJS.ErrnoException): void {
  // A command that looks at its writes has the better sentence, and says it before this turn of the loop is over.
  if (!isReaderGone(error)) setImmediate(finish, 0);
  else if (signals.isTaken) signals.end();
  else signals.exit(0);
}

/** EPIPE of a pipe, EIO of a terminal that was closed. */
function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  const isTerminalGone = code === 'EIO' && stdout.isTTY;
  if (isTerminalGone) signals.hungUp();
  return code === 'EPIPE' || isTerminalGone;
}

function finish(exitCode: number): void {
  if (isFinishing) return;
  isFinishing = true;
  // Everything written must be out before the exit, and nothing that a command left open may hold it up.
  stdout.write('', () => {
    const { errored } = stdout;
    const lost = exitCode === 0 && errored && !isReaderGone(errored);
    const code = lost ? reportFailure(writingFailed(errored), { stderr }) : exitCode;
    stderr.write('', () => signals.exit(code));
  });
}

process.on('uncaughtException', (error) => finish(reportFailure(error, { stderr })));

void dispatch(process.argv.slice(2), {
  get stdin() {
    return process.stdin;
  },
  stdout,
  stderr,
  env: process.env,
  get signal() {
    return signals.ending;
  },
  onHangUp: (listener) => signals.onHangUp(listener),
  onStatusRequest: (listener) => signals.onStatusRequest(listener),
  confine: async (programs) => (await import('./commands/confine.ts')).confine(programs),
  limitFiles: async (opened) => (await import('./commands/confine.ts')).limitOpenedFiles(opened),
}).then(finish);
