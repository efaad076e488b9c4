import type { Json } from '@duckdb/node-api';

/** What a search is asked for, and what it answers: both cross the border between two processes as JSON. */
export const SEARCH_LIMITS = {
  rowsDefault: 100,
  rowsMax: 10_000,
  /** JSON of the rows (the documented answer ends at 49 MB). */
  bytesMax: 49_000_000,
  timeoutMs: 30_000,
  concurrent: 2,
  /** The documented number of searches of a topic at a time; the ones that do not run wait. */
  waiting: 15,
} as const;

/** Of the database that a search has for itself, in megabytes; what does not fit into memory is spilled. */
export const DATABASE_LIMITS = { memory: 256, spilled: 500 } as const;

export interface SearchRequest {
  readonly topicId: string;
  readonly query: string;
  /** A condition whose logs are left out; empty for none. */
  readonly exclude: string;
  /** Time of the logs, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  /** Keys without a column that the topic has seen. */
  readonly otherKeys: readonly string[];
}

export interface SearchColumn {
  readonly name: string;
  /** Of the database: VARCHAR, BIGINT, DOUBLE, TIMESTAMP... */
  readonly type: string;
}

export interface SearchResult {
  readonly columns: readonly SearchColumn[];
  readonly rows: readonly (readonly Json[])[];
  /** There was more than the limits let through. */
  readonly truncated: boolean;
  /** Which limit that was. */
  readonly truncatedBy: 'rows' | 'bytes' | null;
  readonly elapsedMs: number;
  /** Sentences about what the asker may not expect. */
  readonly notes: readonly string[];
}
