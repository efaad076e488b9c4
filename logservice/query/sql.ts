import { LOG_TABLE, type Node, SqlRefused, SqlScope } from './sql-scope.ts';

/**
 * Makes the SQL after the bar safe to run: one SELECT over the logs that the condition left, and nothing else. The database
 * itself parses it (`json_serialize_sql`), so that what is checked is what is run; the checked tree, not the user's text,
 * becomes the statement. What a tree may hold is in sql-nodes.ts, what it may call in sql-functions.ts.
 */
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
  const scope = new SqlScope();
  const refused = refusalOf(scope, statements[0]!);
  if (refused !== undefined) return { refused };
  return {
    columns: scope.columns,
    withLogTable(filter) {
      const root = statements[0]!['node'] as Node;
      const map = (root['cte_map'] as { map: Node[] }).map;
      root['cte_map'] = { map: [filterEntry(filter), ...map] };
      return writeTree(tree);
    },
  };
}

/**
 * Checks the text that is to run, because the database made it of the checked tree: what it forgot to quote would be SQL. Its first
 * entry is the table of the logs, which is ours. A text says why it is refused.
 */
export function checkWritten(serialized: SerializedSql): string | undefined {
  const tree = parseTree(serialized);
  const [statement, ...others] = (tree?.['statements'] ?? []) as Node[];
  if (statement === undefined || others.length > 0) return 'the database writes it as something else than one SELECT';
  const { map } = (statement['node'] as Node)['cte_map'] as { map: { key: string }[] };
  if (map.shift()?.key !== LOG_TABLE) return 'the database writes it with other tables';
  return refusalOf(new SqlScope(), statement);
}

function refusalOf(scope: SqlScope, statement: Node): string | undefined {
  try {
    scope.statement(statement);
    return undefined;
  } catch (error) {
    if (error instanceof SqlRefused) return error.message;
    throw error;
  }
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

/** Numbers that JavaScript would change, or write in another way (50.0), are kept as texts between these two functions. */
const KEPT = '\u0000number:';

function parseTree(serialized: SerializedSql): Node | undefined {
  // A text of the statement must not pass for such a number.
  if (serialized.includes('"\\u0000')) return undefined;
  const kept = serialized.replace(
    /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)|-?\d{16,}/g,
    (token) => (token.startsWith('"') ? token : JSON.stringify(KEPT + token)),
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
    token.startsWith('"\\u0000number:') ? token.slice('"\\u0000number:'.length, -1) : token,
  );
}
