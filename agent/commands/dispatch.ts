import type { Command, ProcessContext } from '../cli/command.ts';
import { createInvocation } from '../cli/invocation.ts';
import { EXIT, type ExitCode, OperationalError } from '../model/operational-error.ts';
import { TextOutput } from '../terminal/text-output.ts';
import { COMMANDS } from './registry.ts';

/** Runs one command line, without the program's own name, and answers its exit code. Never throws. */
export async function dispatch(words: readonly string[], context: ProcessContext): Promise<number> {
  try {
    return await runWords(words, context);
  } catch (error) {
    return reportFailure(error, context);
  }
}

async function runWords(words: readonly string[], context: ProcessContext): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h') {
    const { renderOverview } = await import('./help.ts');
    // Asked for, it is an answer; called without a command, it is a correction.
    new TextOutput(name === undefined ? context.stderr : context.stdout).write(await renderOverview(COMMANDS));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === '-V') {
    const { readVersion } = await import('../cli/version.ts');
    new TextOutput(context.stdout).write(`flowlogd ${readVersion()}\n`);
    return EXIT.ok;
  }
  const command = await COMMANDS.get(name)?.();
  if (command === undefined) throw (await import('./help.ts')).unknownCommand(name, COMMANDS);
  return await runCommand(command, rest, context);
}

/** Runs one command, whether it is in the table or not. */
export async function runCommand(command: Command, words: readonly string[], context: ProcessContext): Promise<number> {
  const invocation = createInvocation(command, words, context);
  if (!invocation.flag('help')) return await command.run(invocation);
  const { renderHelp } = await import('./help.ts');
  invocation.stdout.write(renderHelp(command));
  return EXIT.ok;
}

/** What a failed write to standard output means, a full disk mostly. */
export function writingFailed(error: Error): OperationalError {
  return new OperationalError('output.failed', `Writing to standard output failed: ${error.message}.`, error);
}

/** One sentence for what went wrong outside; everything we know for what went wrong inside. */
export function reportFailure(error: unknown, context: Pick<ProcessContext, 'stderr'>): ExitCode {
  const stderr = new TextOutput(context.stderr);
  if (error instanceof OperationalError) {
    stderr.writeMessage(error.message);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`${stack}\nflowlogd: internal error; please report it with the lines above\n`);
  return EXIT.bug;
}
