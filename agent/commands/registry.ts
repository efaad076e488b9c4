import type { Command } from './command.ts';

/**
 * Every sub-command, in the order of the help. A command's module is loaded only when it is asked for, so that `replay`
 * starts without the log service's database and `--help` without either.
 */
export const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['replay', async () => (await import('./replay.ts')).replay],
  ['check', async () => (await import('./check.ts')).check],
  ['config', async () => (await import('./config.ts')).config],
  ['interfaces', async () => (await import('./interfaces.ts')).interfaces],
  ['help', async () => (await import('./help.ts')).help],
]);

/** Loads the command of that name, or answers undefined when there is none. */
export async function findCommand(name: string): Promise<Command | undefined> {
  return await COMMANDS.get(name)?.();
}
