/** Commands with actions: what one takes behind its name. */
import { AGENT_OPTIONS } from './agent-options.ts';

export interface ActionWords {
  /** What stands behind the action's name. */
  readonly usage: string;
  readonly min: number;
  readonly max: number;
  /** Beside those that all actions take. */
  readonly options: readonly string[];
}

/** Options that every action takes. */
export const SHARED_OPTIONS: ReadonlySet<string> = new Set([...AGENT_OPTIONS.map(({ name }) => name), 'json', 'help']);
