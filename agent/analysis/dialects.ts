/**
 * The databases for which a query of the catalogue is put into other words, and how their SQL differs from that of Cloud Log Service, in which
 * it is written. Records are read from object storage in the layout of AWS flow logs, or from a table with those columns: the names of
 * the fields, with underscores for dashes.
 */
export interface Dialect {
  readonly title: string;
  /** Calls that are written in another way, by their name in CLS; the arguments come in the words of the dialect. */
  readonly calls: Readonly<Record<string, (...given: readonly string[]) => string>>;
  /** Types of CAST by their name in CLS. */
  readonly types: Readonly<Record<string, string>>;
  /** Stands behind the query. */
  readonly settings?: string;
}

export const DIALECTS = {
  clickhouse: {
    title: 'ClickHouse',
    calls: {
      approx_percentile: (value, share) => `quantile(${share})(${value})`,
      split_part: (text, separator, part) => `splitByString(${separator}, ${text})[${part}]`,
      stddev: (value) => `stddevSamp(${value})`,
      strpos: (text, part) => `position(${text}, ${part})`,
    },
    // Else a null is refused.
    types: { varchar: 'Nullable(String)', double: 'Nullable(Float64)' },
    // Else `max(ports) as ports` makes every later `ports` an aggregate.
    settings: 'settings prefer_column_name_to_alias = 1',
  },
  trino: { title: 'Trino, Athena', calls: {}, types: {} },
  duckdb: {
    title: 'DuckDB',
    calls: { approx_percentile: (value, share) => `approx_quantile(${value}, ${share})` },
    types: {},
  },
} as const satisfies Readonly<Record<string, Dialect>>;

export type DialectName = keyof typeof DIALECTS;
/** CLS is how the catalogue is written. */
export const DIALECT_NAMES: readonly ('cls' | DialectName)[] = ['cls', ...(Object.keys(DIALECTS) as DialectName[])];
