/** Which flow log observes which interface: one each, the flow log that was created first. */
import type { FlowLog } from '../model/flow-log.ts';
import { called, type FlowLogEntry } from './flow-log-entry.ts';

/** What an entry stands for on the host as it is now. */
export interface Resolution<Tap> {
  readonly entry: FlowLogEntry;
  readonly flowLog: FlowLog;
  /** Interfaces as the user named them. */
  readonly patterns: readonly string[];
  readonly found: readonly { readonly interfaceName: string; readonly tap: Tap }[];
  /** Patterns that stand for nothing now. */
  readonly missing: readonly string[];
}

export interface Conflict {
  readonly flowLogId: string;
  /** The interface, or the pattern that both have. */
  readonly interfaceName: string;
  readonly owner: FlowLogEntry;
}

export interface Claims {
  /** The flow log of each interface, by its name. */
  readonly owners: ReadonlyMap<string, FlowLogEntry>;
  readonly conflicts: readonly Conflict[];
}

/** A disabled flow log keeps its interfaces: enabling it must not fail because somebody came in between. */
export function claimInterfaces(resolutions: readonly Resolution<unknown>[]): Claims {
  const owners = new Map<string, FlowLogEntry>();
  const conflicts: Conflict[] = [];
  for (const { entry, patterns, found } of resolutions) {
    const names = new Set([...patterns, ...found.map(({ interfaceName }) => interfaceName)]);
    for (const name of names) {
      const owner = owners.get(name);
      if (owner === undefined) owners.set(name, entry);
      else conflicts.push({ flowLogId: entry.id, interfaceName: name, owner });
    }
  }
  return { owners, conflicts };
}

export function describeConflict({ interfaceName, owner }: Conflict): string {
  return (
    `${interfaceName} already belongs to the flow log ${called(owner)} (one flow log per interface); delete that one, or choose ` +
    'another interface'
  );
}
