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
  /** Which limit that was; earlier services do not say. */
  readonly truncatedBy?: 'rows' | 'bytes' | null;
  readonly elapsedMs: number;
  /** Sentences for people. */
  readonly notes: readonly string[];
}

/** That a search answers. */
export const ROWS_MAX = 10_000;

/** What there is to do about an answer that was cut, imperative; `rows` were asked for. */
export function cutAdvice({ truncatedBy }: Pick<SearchAnswer, 'truncatedBy'>, rows: number): string {
  if (truncatedBy === 'bytes')
    return 'limit of bytes reached: narrow the time or the condition, or select fewer columns';
  return rows < ROWS_MAX ? 'limit reached, raise --limit' : 'limit reached: narrow the time or the condition';
}
