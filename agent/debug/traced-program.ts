/** The program whose traffic is watched: started with our terminal and streams as its own. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** As shells say it. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const SIGNAL_BASE = 128;
/** The terminal sends Ctrl-C to the program itself, which may want a moment to end well. */
const TERMINAL_GRACE_MS = 2000;

export interface TracedProgram {
  /** Its exit code, as a shell would give it. */
  readonly ended: Promise<{ readonly exitCode: number; readonly problem: string | undefined }>;
  /** Asks it to end. */
  stop(): void;
}

/** @param sharesTerminal whether signals from the keyboard reach it, too */
export function startProgram(words: readonly string[], sharesTerminal: boolean): TracedProgram {
  const [name = '', ...args] = words;
  const child = spawn(name, args, { stdio: 'inherit' });
  const ended = new Promise<{ exitCode: number; problem: string | undefined }>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const exitCode = error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE;
      resolve({ exitCode, problem: `Starting ${name} failed: ${error.message}.` });
    });
    child.once('exit', (code, signal) => {
      const exitCode = signal === null ? (code ?? 0) : SIGNAL_BASE + constants.signals[signal];
      resolve({ exitCode, problem: undefined });
    });
  });
  return {
    ended,
    stop: () => {
      setTimeout(() => child.kill('SIGTERM'), sharesTerminal ? TERMINAL_GRACE_MS : 0).unref();
    },
  };
}
