/** Command lines of flowlogd in this process: no program is started, so asking again and again costs little. */
import { Readable, Writable } from 'node:stream';
import type { ProcessContext } from '../../agent/cli/command.ts';
import { dispatch } from '../../agent/commands/dispatch.ts';
import type { Stream } from '../../agent/terminal/text-output.ts';
import { UNCONFINED } from './sandbox.ts';

/** A stream whose text a test reads; a terminal where it has columns. */
export class Collected extends Writable implements Stream {
  text = '';
  declare readonly isTTY?: true;
  declare readonly columns?: number;

  constructor(columns?: number) {
    super();
    if (columns !== undefined) Object.assign(this, { isTTY: true, columns });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export interface InProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Of the terminal that standard output is; it is a pipe when absent. */
  readonly columns?: number;
}

/** What a command has around it: empty input, nobody who interrupts it. */
export function collecting(options: InProcessOptions = {}): ProcessContext & { stdout: Collected; stderr: Collected } {
  return {
    stdin: Readable.from([]),
    stdout: new Collected(options.columns),
    stderr: new Collected(),
    env: options.env ?? {},
    signal: new AbortController().signal,
    onHangUp: () => undefined,
    onStatusRequest: () => undefined,
    confine: async () => UNCONFINED,
    limitFiles: async () => undefined,
  };
}

/** Runs `flowlogd` with these words, from its sources. */
export async function runInProcess(
  words: readonly string[],
  options: InProcessOptions = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const around = collecting(options);
  const code = await dispatch(words, around);
  return { code, stdout: around.stdout.text, stderr: around.stderr.text };
}
