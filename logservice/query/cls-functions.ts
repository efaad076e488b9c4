/**
 * The functions of CLS's SQL, which is close to Presto's (https://cloud.tencent.com/document/product/614/44061), in the words of the
 * database: a call is renamed in the parsed tree, before the tree is checked. What it has no word for is a macro.
 *
 * Times are in UTC, also those of `histogram` and `time_series`, which CLS answers in UTC+8; `time_series` adds no interval that has no logs.
 */
type Node = { [name: string]: unknown };

/** Another name for the same. */
export const CLS_NAMES: Readonly<Record<string, string>> = {
  approx_distinct: 'approx_count_distinct',
  approx_percentile: 'approx_quantile',
  array_join: 'array_to_string',
  array_max: 'list_max',
  array_min: 'list_min',
  bitwise_and: '&',
  bitwise_and_agg: 'bit_and',
  bitwise_not: '~',
  bitwise_or: '|',
  bitwise_or_agg: 'bit_or',
  bitwise_xor: 'xor',
  codepoint: 'unicode',
  day_of_month: 'day',
  day_of_week: 'isodow',
  day_of_year: 'dayofyear',
  every: 'bool_and',
  hamming_distance: 'hamming',
  is_finite: 'isfinite',
  is_infinite: 'isinf',
  is_nan: 'isnan',
  json_extract_scalar: 'json_extract_string',
  last_day_of_month: 'last_day',
  levenshtein_distance: 'levenshtein',
  regexp_like: 'regexp_matches',
  to_unixtime: 'epoch',
  truncate: 'trunc',
  week_of_year: 'week',
};

/** Calls that become others, by their name in CLS. */
const CALLS: Readonly<Record<string, (call: Node) => void>> = {
  count_if: (call) => rename(call, 'count', (call['children'] as Node[]).map(oneIf)),
  date_format: (call) => rename(call, 'strftime', [timestampOf(argument(call, 0)), databaseFormat(argument(call, 1))]),
  date_parse: (call) => rename(call, 'strptime', [argument(call, 0), databaseFormat(argument(call, 1))]),
  histogram: (call) => {
    if (isInterval(argument(call, 1))) call['function_name'] = 'histogram_of_time';
  },
  time_series: (call) => {
    const [time, width, format] = [0, 1, 2].map((index) => argument(call, index));
    rename(call, 'strftime', [callOf('time_series_of', [time, width]), databaseFormat(format)]);
  },
};

/** All of them, for the list in docs/logservice.md. */
export const CLS_FUNCTIONS: readonly string[] = [
  ...Object.keys(CLS_NAMES),
  ...Object.keys(CALLS),
  'from_unixtime',
].sort();

/** What the database has no word for: a time from Unix milliseconds, a TIMESTAMP or ISO 8601, and the beginnings of intervals. */
const MACROS = {
  timestamp_of: `(moment) AS make_timestamp(
     coalesce(epoch_us(TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMPTZ)), TRY_CAST(moment AS BIGINT) * 1000))`,
  histogram_of_time: "(moment, width) AS time_bucket(width, timestamp_of(moment), TIMESTAMP '1970-01-01')",
  time_series_of: `(moment, width) AS histogram_of_time(moment,
     to_seconds(CAST(regexp_extract(width, '^[0-9]+') AS BIGINT)
       * CASE regexp_extract(width, '[a-z]+$') WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 WHEN 'd' THEN 86400 END))`,
  from_unixtime: '(seconds) AS make_timestamp(CAST(round(CAST(seconds AS DOUBLE) * 1000000) AS BIGINT))',
} as const;
export const CLS_MACRO_NAMES: readonly string[] = Object.keys(MACROS);
/** The statements that make them. */
export const CLS_MACROS = Object.entries(MACROS).map(([name, is]) => `CREATE OR REPLACE MACRO ${name}${is}`);

/** Puts an expression of CLS into the database's words, in place; says whether they are others. */
export function inDatabaseWords(node: Node): boolean {
  if (node['class'] === 'CAST') return castOfMilliseconds(node);
  if (node['class'] !== 'FUNCTION' && node['class'] !== 'WINDOW') return false;
  const written = node['function_name'];
  const name = String(written).toLowerCase();
  if (Object.hasOwn(CLS_NAMES, name)) node['function_name'] = CLS_NAMES[name];
  else if (Object.hasOwn(CALLS, name)) CALLS[name]!(node);
  return node['function_name'] !== written || CLS_MACRO_NAMES.includes(name);
}

/** `cast(__TIMESTAMP__ as timestamp)`: CLS takes Unix milliseconds there, the database no number. */
function castOfMilliseconds(cast: Node): boolean {
  const type = cast['cast_type'] as Node | undefined;
  const child = cast['child'] as Node;
  if (type?.['id'] !== 'TIMESTAMP' || !isMilliseconds(child)) return false;
  const alias = cast['alias'];
  for (const member of Object.keys(cast)) delete cast[member];
  Object.assign(cast, callOf('timestamp_of', [child]), { alias });
  return true;
}

/** `case when condition then 1 end`, to be counted: the database's own count_if of no rows is null. */
function oneIf(condition: Node): Node {
  const one = { type: { id: 'INTEGER', type_info: null }, is_null: false, value: 1 };
  return {
    class: 'CASE',
    type: 'CASE_EXPR',
    alias: '',
    case_checks: [{ when_expr: condition, then_expr: constant(one) }],
    else_expr: constant({ type: { id: 'NULL', type_info: null }, is_null: true }),
  };
}

function constant(value: Node): Node {
  return { class: 'CONSTANT', type: 'VALUE_CONSTANT', alias: '', value };
}

function isMilliseconds(node: Node): boolean {
  if (node['class'] === 'COLUMN_REF') return (node['column_names'] as string[]).at(-1) === '__TIMESTAMP__';
  if (node['class'] === 'CONSTANT')
    return /INT$|^INTEGER$/.test(String(((node['value'] as Node)['type'] as Node)['id']));
  return node['class'] === 'FUNCTION' && /^[-+*]$/.test(String(node['function_name']));
}

/** `interval 5 minute` is a call of to_minutes to the parser. */
function isInterval(node: Node | undefined): boolean {
  if (node?.['class'] === 'CAST') return (node['cast_type'] as Node)['id'] === 'INTERVAL';
  return (
    node?.['class'] === 'FUNCTION' &&
    /^to_(seconds|minutes|hours|days|weeks|months|years)$/.test(String(node['function_name']))
  );
}

/** MySQL's letters, as Presto takes them, where strftime has others. */
const FORMAT_LETTERS: Readonly<Record<string, string>> = {
  '%M': '%B',
  '%i': '%M',
  '%s': '%S',
  '%T': '%H:%M:%S',
  '%h': '%I',
};

function databaseFormat(format: Node | undefined): Node | undefined {
  const value = format?.['value'] as Node | undefined;
  if (format?.['class'] !== 'CONSTANT' || typeof value?.['value'] !== 'string') return format;
  const text = value['value'].replace(/%[A-Za-z%]/g, (letter) => FORMAT_LETTERS[letter] ?? letter);
  return { ...format, value: { ...value, value: text } };
}

function argument(call: Node, index: number): Node | undefined {
  return (call['children'] as Node[])[index];
}

/** With too few arguments the database says what is missing. */
function rename(call: Node, name: string, given: readonly (Node | undefined)[]): void {
  call['function_name'] = name;
  call['children'] = given.filter((one) => one !== undefined);
}

function timestampOf(moment: Node | undefined): Node | undefined {
  return moment === undefined ? undefined : callOf('timestamp_of', [moment]);
}

function callOf(name: string, given: readonly (Node | undefined)[]): Node {
  return {
    class: 'FUNCTION',
    type: 'FUNCTION',
    alias: '',
    function_name: name,
    schema: '',
    children: given.filter((one) => one !== undefined),
    filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
    distinct: false,
    is_operator: false,
    export_state: false,
    catalog: '',
  };
}
