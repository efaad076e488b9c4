/**
 * Makes the SQL after the bar safe to run: one SELECT over the logs that the condition left, and nothing else. The database
 * itself parses it (`json_serialize_sql`), so that what is checked is what is run; the checked tree, not the user's text,
 * becomes the statement.
 *
 * The logs are a table called `log`; where the statement names no table at all, it is put in. The database is locked down
 * besides (see store.ts): this is the second wall, and the one with readable errors.
 */
export const LOG_TABLE = 'log';

/** Table functions that only make rows of their arguments. */
const TABLE_FUNCTIONS: ReadonlySet<string> = new Set(['range', 'generate_series', 'unnest']);

/** Functions that do something, wait, or tell about the service instead of the logs. */
const REFUSED_FUNCTIONS: ReadonlySet<string> = new Set([
  'currval',
  'nextval',
  'write_log',
  'sleep_ms',
  'setseed',
  'current_setting',
  'current_query',
  'getvariable',
  'getenv',
]);

/** The parts of `address_hex`: each is written out where it is called, so only the whole is offered. */
const REFUSED_MACROS = /^ipv[46]_/;

/**
 * Planning takes twice as long for each scalar subquery or lambda within another, and cannot be interrupted: nobody writes
 * eight of them, and fifty would never end. `address_hex` grows fivefold.
 */
const NESTING_MAX = 8;
const NESTING_OF_ADDRESS_HEX = 4;

type Node = { [name: string]: unknown };

export interface CheckedSql {
  /** Names of columns that it mentions, in lower case. */
  readonly columns: ReadonlySet<string>;
  /** The statement for `json_deserialize_sql`, over the table that `filter` makes. */
  withLogTable(filter: SerializedSql): string;
}

/** What `json_serialize_sql` answers. */
export type SerializedSql = string;

/** Checks a statement; a text says why it is refused, as the end of a sentence about the SQL. */
export function checkSql(
  serialized: SerializedSql,
): CheckedSql | { readonly refused: string; readonly position?: number } {
  const tree = parseTree(serialized);
  if (tree === undefined) return { refused: 'a number in it is out of range' };
  if (tree['error'] === true) return syntaxError(tree);
  const statements = tree['statements'] as Node[];
  if (statements.length !== 1) return { refused: 'exactly one SELECT statement is taken' };
  const root = statements[0]!['node'] as Node;
  const survey: Survey = { tables: new Set(), columns: new Set(), withNames: new Set(), refused: undefined };
  surveyNode(statements[0], survey, 0);
  if (survey.withNames.has(LOG_TABLE))
    survey.refused ??= `WITH cannot define '${LOG_TABLE}', which is the table of the logs`;
  for (const table of survey.tables) {
    if (table !== LOG_TABLE && !survey.withNames.has(table)) {
      survey.refused ??= `there is no table '${table}'; the logs are the table ${LOG_TABLE}, and FROM may be left out`;
    }
  }
  if (survey.refused !== undefined) return { refused: survey.refused };
  return {
    columns: survey.columns,
    withLogTable(filter) {
      supplyFrom(root);
      const map = (root['cte_map'] as { map: Node[] }).map;
      root['cte_map'] = { map: [filterEntry(filter), ...map] };
      return writeTree(tree);
    },
  };
}

interface Survey {
  readonly tables: Set<string>;
  readonly columns: Set<string>;
  readonly withNames: Set<string>;
  refused: string | undefined;
}

/** Visits the whole tree. Recursion is as deep as the statement, whose length is bounded and whose parser bounds depth, too. */
function surveyNode(value: unknown, survey: Survey, nesting: number): void {
  if (Array.isArray(value)) {
    for (const item of value) surveyNode(item, survey, nesting);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const node = value as Node;
  surveyTable(node, survey);
  surveyExpression(node, survey);
  if (Array.isArray((node['cte_map'] as Node | undefined)?.['map'])) {
    for (const { key } of (node['cte_map'] as { map: { key: string }[] }).map) survey.withNames.add(key.toLowerCase());
  }
  const nested = nesting + nestingOf(node);
  if (nested > NESTING_MAX) survey.refused ??= 'too many subqueries or lambdas stand within one another';
  else for (const child of Object.values(node)) surveyNode(child, survey, nested);
}

function nestingOf(node: Node): number {
  if (node['class'] === 'SUBQUERY' || node['class'] === 'LAMBDA') return 1;
  return node['class'] === 'FUNCTION' && functionName(node) === 'address_hex' ? NESTING_OF_ADDRESS_HEX : 0;
}

function functionName(node: Node): string {
  return String(node['function_name']).toLowerCase();
}

function surveyExpression(node: Node, survey: Survey): void {
  switch (node['class']) {
    case 'PARAMETER':
      survey.refused ??= 'parameters ($1, ?) have no value here';
      return;
    case 'COLUMN_REF':
      for (const name of node['column_names'] as string[]) survey.columns.add(name.toLowerCase());
      return;
    case 'FUNCTION':
    case 'WINDOW': {
      const name = functionName(node);
      if (REFUSED_FUNCTIONS.has(name) || REFUSED_MACROS.test(name))
        survey.refused ??= `the function ${name} is not taken`;
    }
  }
}

function surveyTable(node: Node, survey: Survey): void {
  switch (node['type']) {
    case 'BASE_TABLE': {
      const schema = [node['catalog_name'], node['schema_name']].filter((name) => name !== '');
      survey.tables.add([...schema, node['table_name']].join('.').toLowerCase());
      if (node['at_clause'] !== null) survey.refused ??= 'AT is not taken';
      return;
    }
    case 'TABLE_FUNCTION': {
      const name = functionName((node['function'] as Node | undefined) ?? {});
      if (!TABLE_FUNCTIONS.has(name)) survey.refused ??= `the table function ${name} is not taken`;
      return;
    }
    case 'SHOW_REF':
      survey.refused ??= 'SHOW, DESCRIBE and SUMMARIZE are not taken';
      return;
    case 'COLUMN_DATA':
    case 'DELIM_GET':
    case 'BOUND_TABLE_REF':
      survey.refused ??= 'exactly one SELECT statement is taken';
  }
}

/** Puts `FROM log` into a SELECT without FROM, and into both sides of a UNION and the like; inner queries name their own. */
function supplyFrom(node: Node): void {
  if (node['type'] === 'SET_OPERATION_NODE') {
    for (const side of ['left', 'right', 'children']) {
      for (const child of [node[side]].flat())
        if (typeof child === 'object' && child !== null) supplyFrom(child as Node);
    }
    return;
  }
  const from = node['from_table'] as Node | undefined;
  if (node['type'] !== 'SELECT_NODE' || from?.['type'] !== 'EMPTY') return;
  node['from_table'] = {
    type: 'BASE_TABLE',
    alias: '',
    sample: null,
    schema_name: '',
    table_name: LOG_TABLE,
    column_name_alias: [],
    catalog_name: '',
    at_clause: null,
  };
}

/** The table of the logs as the first entry of the statement's WITH. */
function filterEntry(filter: SerializedSql): Node {
  const tree = parseTree(filter);
  const node = (tree?.['statements'] as Node[] | undefined)?.[0]?.['node'] as Node | undefined;
  const entry = (node?.['cte_map'] as { map: Node[] } | undefined)?.map[0];
  if (entry === undefined) throw new Error(`the filter is no WITH ${LOG_TABLE} AS (...): ${filter}`);
  return entry;
}

function syntaxError(tree: Node): { refused: string; position?: number } {
  const message = String(tree['error_message']);
  if (tree['error_type'] === 'not implemented') return { refused: 'exactly one SELECT statement is taken' };
  const position = Number(tree['position']);
  return Number.isSafeInteger(position) ? { refused: message, position } : { refused: message };
}

/** Integers that a JavaScript number would change are kept as texts between these two functions. */
const BIG = '\u0000big:';

function parseTree(serialized: SerializedSql): Node | undefined {
  const kept = serialized.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (token) =>
    token.startsWith('"') ? token : JSON.stringify(BIG + token),
  );
  try {
    return JSON.parse(kept) as Node;
  } catch {
    // The database writes an infinite number as Infinity, which is no JSON.
    return undefined;
  }
}

function writeTree(tree: Node): string {
  return JSON.stringify(tree).replace(/"(?:[^"\\]|\\.)*"/g, (token) =>
    token.startsWith('"\\u0000big:') ? token.slice('"\\u0000big:'.length, -1) : token,
  );
}
