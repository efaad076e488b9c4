import type { LOG_SERVICE, NumbersOf } from './numbers.ts';

/** The embedded log service of this agent. */
export interface LogServiceStatus extends NumbersOf<typeof LOG_SERVICE> {
  readonly state: 'starting' | 'running' | 'down';
  /** Where programs can ask it; null while it is not running. */
  readonly url: string | null;
  readonly storeFolder: string;
  readonly sinceSeconds: number;
  /** Why it last ended. */
  readonly lastError: string | null;
}
