/** The embedded log service of this agent. */
export interface LogServiceStatus {
  readonly state: 'starting' | 'running' | 'down';
  /** Where programs can ask it; null while it is not running. */
  readonly url: string | null;
  readonly storeFolder: string;
  readonly sinceSeconds: number;
  readonly restarts: number;
  /** Why it last ended. */
  readonly lastError: string | null;
}
