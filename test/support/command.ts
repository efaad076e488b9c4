import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { NetworkNamespace } from './network-namespace.ts';

/** The built command; `npm test` builds it first. */
export const FLOWLOGD = resolve('dist/agent/main.js');

export interface CommandOptions {
  readonly namespace?: NetworkNamespace | undefined;
  /** Standard input, whole; it is empty when absent, and left open for the test to write with `openInput`. */
  readonly input?: Uint8Array | string;
  readonly openInput?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
  /** Words before node's, such as `setpriv` with its options. */
  readonly through?: readonly string[];
  /** What ends the process with the test; the present test's end when absent, `false` for a test that cannot tell. */
  readonly killAtEnd?: boolean;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `flowlogd` command that runs: what it printed so far, and how it ends. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandEnd>;
  readonly #chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(child: ChildProcess) {
    this.child = child;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (data: Buffer) => {
        this.#chunks[name].push(data);
        this.#changed();
      });
    }
    this.ended = new Promise((done, failed) => {
      child.once('error', failed);
      child.once('close', (code, signal) => {
        this.#isOver = true;
        this.#changed();
        done({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get stdout(): string {
    return Buffer.concat(this.#chunks.stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#chunks.stderr).toString();
  }

  /** Waits until it has printed what `condition` wants to see; the test's own timeout bounds it. */
  async until(condition: (command: RunningCommand) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.#isOver) throw new Error(`the command ended too early:\n${this.stderr}\n${this.stdout}`);
      await new Promise<void>((go) => this.#waiting.add(go));
    }
  }

  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<CommandEnd> {
    this.child.kill(signal);
    return this.ended;
  }

  #changed(): void {
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }
}

/** Kills it and waits until it is gone, so that it makes no more files in the folders that go after it. */
async function killed(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Starts a program; `ip netns exec` becomes the program, so signals reach it. */
export function startProgram(words: readonly string[], options: CommandOptions = {}): RunningCommand {
  const { namespace, input, openInput = false, env, folder, killAtEnd = true } = options;
  const all = [...(namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace.name]), ...words];
  const child = spawn(all[0]!, all.slice(1), {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: [input === undefined && !openInput ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  // A command may end before it has read all of its input.
  child.stdin?.on('error', () => undefined);
  if (input !== undefined) child.stdin!.end(input);
  if (killAtEnd) onTestFinished(() => killed(child));
  return new RunningCommand(child);
}

/** Starts `flowlogd` with these words. */
export function startCommand(words: readonly string[], options: CommandOptions = {}): RunningCommand {
  return startProgram([...(options.through ?? []), process.execPath, FLOWLOGD, ...words], options);
}

/** Runs `flowlogd` with these words to its end. */
export function runCommand(words: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  return startCommand(words, { ...options, killAtEnd: false }).ended;
}
