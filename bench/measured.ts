/** Runs a command under `native/measured.c`, which knows what it and everything it started have cost. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeTool } from './native-tools.ts';

export interface Cost {
  /** User and system time of all processes and threads. */
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Peak resident size of the largest process. */
  readonly peakKib: number;
  readonly status: number;
}

export interface MeasuredOptions {
  /** Gets the command's output (`out`, `err`) and the report; the command's working folder. */
  readonly folder: string;
  readonly cpu?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Put before the command, unmeasured: `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

/** A command that runs, and is to be stopped by a signal or to end by itself. */
export interface MeasuredRun {
  /** The process `measured`; the command is its child. */
  readonly child: ChildProcess;
  readonly ended: Promise<Cost>;
}

export function startMeasured(command: readonly string[], options: MeasuredOptions): MeasuredRun {
  const { folder, cpu, environment, prefix = [] } = options;
  const report = join(folder, 'cost.json');
  const output = openSync(join(folder, 'out'), 'w');
  const errors = openSync(join(folder, 'err'), 'w');
  const line = [...prefix, nativeTool('measured'), report, cpu === undefined ? '-' : String(cpu), ...command];
  const child = spawn(line[0]!, line.slice(1), {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', output, errors],
  });
  closeSync(output);
  closeSync(errors);
  const ended = new Promise<Cost>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(readFileSync(report, 'utf8')) as Cost);
      else
        reject(new Error(`measuring ${command[0]} failed with ${code}: ${readFileSync(join(folder, 'err'), 'utf8')}`));
    });
  });
  return { child, ended };
}

/** Runs this benchmark's own entry again, ahead of other work as every measured command, and answers what it prints. */
export function runApart(args: readonly string[]): string {
  const command = [process.execPath, process.argv[1]!, ...args];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  return execFileSync(nativeTool('measured'), ['/dev/null', '-', ...command], { encoding: 'utf8', stdio: [...stdio] });
}

/** Runs the command to its end, at most `limitMs`; a command that takes longer is stopped and its cost not known. */
export async function runMeasured(
  command: readonly string[],
  options: MeasuredOptions & { readonly limitMs: number },
): Promise<Cost | undefined> {
  const { child, ended } = startMeasured(command, options);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGTERM');
  }, options.limitMs);
  const killer = setTimeout(() => child.kill('SIGUSR1'), options.limitMs + 5_000);
  try {
    const cost = await ended;
    return late ? undefined : cost;
  } catch (error) {
    if (late) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
  }
}
