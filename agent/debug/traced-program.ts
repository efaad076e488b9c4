/** The program whose traffic is watched: started with our terminal and streams as its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants as fileConstants, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

/** As shells say it. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const SIGNAL_BASE = 128;
/** The terminal sends Ctrl-C to the program itself, which may want a moment to end well. */
const TERMINAL_GRACE_MS = 2000;

export interface ProgramEnd {
  /** As a shell would give it. */
  readonly exitCode: number;
  /** Why it never ran; undefined of one that did. */
  readonly problem: string | undefined;
}

export interface TracedProgram {
  readonly ended: Promise<ProgramEnd>;
  /** Why it could not be started; undefined once it runs. */
  readonly failed: Promise<ProgramEnd | undefined>;
  /** Asks it to end. */
  stop(): void;
}

/**
 * Why a program cannot be started as far as its name tells, before anything is made for its run. It is looked for as execvp(3)
 * does it.
 *
 * @param path the variable PATH; without one only execvp(3) knows
 */
export function programProblem(name: string, path: string | undefined): ProgramEnd | undefined {
  if (name === '') return failureOf(name, { code: 'ENOENT', message: '' });
  if (name.includes('/')) return problemOfFiles(name, [name]);
  if (path === undefined) return undefined;
  const places = path.split(':').map((folder) => join(folder || '.', name));
  return problemOfFiles(name, places);
}

function problemOfFiles(name: string, places: readonly string[]): ProgramEnd | undefined {
  const codes = places.map(executionError);
  if (codes.includes(undefined)) return undefined;
  const code = codes.includes('EACCES') ? 'EACCES' : places.length === 1 ? codes[0] : 'ENOENT';
  return failureOf(name, { code, message: `spawn ${code}` });
}

function executionError(path: string): string | undefined {
  try {
    accessSync(path, fileConstants.X_OK);
    return statSync(path).isFile() ? undefined : 'EACCES';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

/** @param sharesTerminal whether signals from the keyboard reach it, too */
export function startProgram(words: readonly string[], sharesTerminal: boolean): TracedProgram {
  const [name = '', ...args] = words;
  let child: ChildProcess;
  try {
    child = spawn(name, args, { stdio: 'inherit' });
  } catch (error) {
    const end = failureOf(name, error as NodeJS.ErrnoException);
    return { ended: Promise.resolve(end), failed: Promise.resolve(end), stop: () => undefined };
  }
  const failure = new Promise<ProgramEnd>((resolve) =>
    child.once('error', (error: NodeJS.ErrnoException) => resolve(failureOf(name, error))),
  );
  const started = new Promise<undefined>((resolve) => child.once('spawn', () => resolve(undefined)));
  const exited = new Promise<ProgramEnd>((resolve) =>
    child.once('exit', (code, signal) => {
      const exitCode = signal === null ? (code ?? 0) : SIGNAL_BASE + constants.signals[signal];
      resolve({ exitCode, problem: undefined });
    }),
  );
  return {
    ended: Promise.race([failure, exited]),
    failed: Promise.race([failure, started]),
    stop: () => {
      setTimeout(() => child.kill('SIGTERM'), sharesTerminal ? TERMINAL_GRACE_MS : 0).unref();
    },
  };
}

function failureOf(name: string, { code, message }: Pick<NodeJS.ErrnoException, 'code' | 'message'>): ProgramEnd {
  // Node refuses an empty name itself, before any system call.
  if (code === 'ENOENT' || name === '') {
    return { exitCode: NOT_FOUND, problem: `Starting '${name}' failed: no such program. Check its name and PATH.` };
  }
  const why = code === 'EACCES' ? 'it is not executable' : message;
  return { exitCode: NOT_EXECUTABLE, problem: `Starting '${name}' failed: ${why}.` };
}
