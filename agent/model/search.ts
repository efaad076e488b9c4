/** What a log service is asked for, and what it answers. */
export interface SearchQuestion {
  /** `[condition] | [SQL]` */
  readonly query: string;
  /** A condition whose logs are left out. */
  readonly exclude?: string | undefined;
  /** Unix milliseconds, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Rows, 1 to 10,000. */
  readonly limit: number;
  readonly topicId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What JSON holds; integers beyond 2^53 come as text. */
export type Cell = string | number | boolean | null | readonly Cell[] | { readonly [name: string]: Cell };

export interface SearchAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
  /** There were more rows than asked for. */
  readonly truncated: boolean;
  readonly elapsedMs: number;
  /** Sentences for people. */
  readonly notes: readonly string[];
}
