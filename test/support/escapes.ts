/** What foreign code within the agent got at: `escape.c` as a library that is loaded before it. */

import type { RunningCommand } from './command.ts';
import { compiled } from './compiled.ts';

export interface EscapeTargets {
  readonly read?: string;
  readonly write?: string;
}

/** The environment of an agent that this process starts. */
export function intruding({ read, write }: EscapeTargets = {}): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: compiled('escape.c', '-shared', '-fPIC', '-D_GNU_SOURCE'),
    ESCAPE: String(process.pid),
    ...(read === undefined ? {} : { ESCAPE_READ: read }),
    ...(write === undefined ? {} : { ESCAPE_WRITE: write }),
  };
}

/** The result of each attempt by its name, once all were made. */
export async function escapesOf(command: RunningCommand): Promise<Readonly<Record<string, string>>> {
  await command.until(({ stderr }) => stderr.includes('ESCAPE end'));
  const found = command.stderr.matchAll(/ESCAPE (\S+) (\S+)$/gm);
  return Object.fromEntries([...found].map(([, name, result]) => [name!, result!]));
}
