import { CLS_MACRO_NAMES, inDatabaseWords } from './cls-functions.ts';
import { AGGREGATES, OPERATORS, SCALAR_FUNCTIONS, TABLE_FUNCTIONS, WINDOW_FUNCTIONS } from './sql-functions.ts';
import { EXPRESSIONS, type Members, MODIFIERS, QUERIES, type Role, TABLES } from './sql-nodes.ts';

/**
 * Walks a parsed statement with the names that are in scope at each place, refuses what reads anything but the logs, and puts
 * `FROM log` where it is left out: into the outermost SELECT, and into every other one that reads a column or aggregates.
 *
 * A name of WITH is visible to the entries after it and in the query that has the WITH; to itself only in the second part of a
 * recursive one. The database sees no more, so that no table passes for an entry.
 */
export const LOG_TABLE = 'log';

export type Node = { [name: string]: unknown };

/** Says why a statement is refused, as the end of a sentence about the SQL. */
export class SqlRefused extends Error {}

/**
 * Planning takes twice as long for each scalar subquery or lambda within another, and cannot be interrupted: nobody writes
 * eight of them, and fifty would never end. `address_hex` grows fivefold.
 */
const NESTING_MAX = 8;
const NESTING_OF_ADDRESS_HEX = 4;
/** They name their argument twice. */
const NESTING_OF_CLS_MACRO = 2;
/** Of nodes within one another, for the stack of this walk. */
const DEPTH_MAX = 400;

const FUNCTIONS = new Set([
  ...AGGREGATES,
  ...WINDOW_FUNCTIONS,
  ...Object.values(SCALAR_FUNCTIONS).flat(),
  ...CLS_MACRO_NAMES,
  ...OPERATORS,
]);
const AGGREGATING = new Set(AGGREGATES);
/** Without parentheses they are columns to the parser, and functions where there is no such column. */
const SETTINGS_AS_COLUMNS = new Set([
  'current_catalog',
  'current_role',
  'current_schema',
  'current_user',
  'session_user',
]);

const NONE: ReadonlySet<string> = new Set();

interface Place {
  /** Names of WITH, in lower case. */
  readonly entries: ReadonlySet<string>;
  /** What is no column of the logs: parameters of lambdas, columns that the same SELECT names. In lower case. */
  readonly locals: ReadonlySet<string>;
  /** The SELECT that an expression belongs to. */
  readonly select: { readsLogs: boolean };
  readonly isOutermost: boolean;
  readonly nesting: number;
  readonly depth: number;
}

export class SqlScope {
  /** Names of columns that the statement mentions, in lower case. */
  readonly columns = new Set<string>();
  /** Expressions that are in other words than they were written in. */
  #reworded = 0;

  /** @throws SqlRefused */
  statement(statement: Node): void {
    this.#query(statement['node'] as Node, {
      entries: NONE,
      locals: NONE,
      select: { readsLogs: false },
      isOutermost: true,
      nesting: 0,
      depth: 0,
    });
  }

  #query(node: Node, outer: Place): void {
    const members = membersOf(QUERIES, node['type'], 'statement');
    const place = this.#with(node, deeper(outer));
    if (node['type'] === 'SELECT_NODE') this.#select(node, members, { ...place, select: { readsLogs: false } });
    else if (node['type'] === 'RECURSIVE_CTE_NODE') this.#recursive(node, members, place);
    else this.#members(node, members, place, ['cte_map']);
  }

  /** The place behind the entries of a query's WITH. */
  #with(node: Node, place: Place): Place {
    const entries = new Set(place.entries);
    for (const { key, value } of (node['cte_map'] as { map: { key: string; value: Node }[] }).map) {
      const name = folded(key);
      if (name === LOG_TABLE) throw new SqlRefused(`WITH cannot define '${LOG_TABLE}', which is the table of the logs`);
      const members = { aliases: 'names', query: 'statement', key_targets: 'expression' } as const;
      this.#members(value, members, { ...place, entries: new Set(entries), isOutermost: false });
      entries.add(name);
    }
    return { ...place, entries };
  }

  #recursive(node: Node, members: Members, place: Place): void {
    const { right, ...others } = members;
    this.#members(node, others, place, ['cte_map', 'right']);
    const entries = new Set(place.entries).add(folded(String(node['cte_name'])));
    this.#members({ right: node['right'] }, { right: right! }, { ...place, entries });
  }

  #select(node: Node, members: Members, place: Place): void {
    const { select_list: _, ...others } = members;
    const locals = new Set(place.locals);
    const inner = { ...place, isOutermost: false };
    for (const [index, item] of (node['select_list'] as Node[]).entries()) {
      const before = this.#reworded;
      this.#expression(item, { ...inner, locals: new Set(locals) });
      if (place.isOutermost && item['alias'] === '' && this.#reworded > before) item['alias'] = `_col${index}`;
      if (typeof item['alias'] === 'string' && item['alias'] !== '') locals.add(folded(item['alias']));
    }
    this.#members(node, others, { ...inner, locals }, ['cte_map', 'select_list']);
    const from = node['from_table'] as Node;
    if (from['type'] === 'EMPTY' && (place.isOutermost || place.select.readsLogs)) node['from_table'] = logTable();
  }

  #table(node: Node, outer: Place): void {
    const type = node['type'];
    const members = membersOf(TABLES, type, 'FROM');
    const place = { ...deeper(outer), locals: new Set<string>() };
    if (type === 'BASE_TABLE') requireTable(node, place);
    if (type === 'TABLE_FUNCTION') {
      const call = node['function'] as Node;
      requireFunction(call, TABLE_FUNCTIONS.includes(functionName(call)), 'table function');
      this.#members(call, EXPRESSIONS['FUNCTION']!, place);
      this.#members(node, members, place, ['function']);
      return;
    }
    this.#members(node, members, place);
  }

  #expression(node: Node, outer: Place): void {
    if (inDatabaseWords(node)) this.#reworded += 1;
    const kind = String(node['class']);
    const members = membersOf(EXPRESSIONS, kind, 'expression');
    const place = { ...deeper(outer), nesting: outer.nesting + nestingOf(node) };
    if (place.nesting > NESTING_MAX) throw new SqlRefused('too many subqueries or lambdas stand within one another');
    switch (kind) {
      case 'COLUMN_REF':
        this.#column(node['column_names'] as string[], place);
        break;
      case 'STAR':
        requirePlainName(String(node['relation_name'] ?? ''));
        place.select.readsLogs = true;
        break;
      case 'FUNCTION':
      case 'WINDOW': {
        const name = functionName(node);
        requireFunction(node, FUNCTIONS.has(name), 'function');
        if (kind === 'WINDOW' || AGGREGATING.has(name)) place.select.readsLogs = true;
        break;
      }
      case 'LAMBDA':
        this.#members(node, members, { ...place, locals: new Set([...place.locals, ...lambdaParameters(node)]) });
        return;
    }
    this.#members(node, members, place);
  }

  #column(names: readonly string[], { locals, select }: Place): void {
    const [first = '', ...more] = names.map((name) => folded(name));
    for (const name of [first, ...more]) this.columns.add(name);
    if (more.length === 0 && SETTINGS_AS_COLUMNS.has(first)) throw new SqlRefused(noFunction(first));
    // What stands before a dot may be a table of a query around this one.
    if (more.length === 0 ? !locals.has(first) : first === LOG_TABLE) select.readsLogs = true;
  }

  /** Visits what a node holds; what nobody named must hold nothing. */
  #members(node: Node, members: Members, place: Place, visited: readonly string[] = []): void {
    for (const [name, value] of Object.entries(node)) {
      if (visited.includes(name) || typeof value !== 'object' || isEmpty(value)) continue;
      const role = members[name];
      if (role === undefined) throw new SqlRefused(`its part ${name} is not available in searches`);
      for (const item of flat(value)) this.#part(item, role, place);
    }
  }

  #part(value: unknown, role: Role, place: Place): void {
    if (typeof role === 'object') {
      this.#members(value as Node, role, place);
      return;
    }
    if (role === 'names' && typeof value === 'string') this.columns.add(folded(value));
    if (role === 'names' || role === 'value' || value === null) return;
    const node = value as Node;
    if (role === 'expression') this.#expression(node, place);
    else if (role === 'query') this.#query(node, place);
    else if (role === 'statement') this.#query(node['node'] as Node, { ...place, isOutermost: false, locals: NONE });
    else if (role === 'table') this.#table(node, place);
    else if (role === 'modifier') this.#members(node, membersOf(MODIFIERS, node['type'], 'ORDER or LIMIT'), place);
    else requireType(node);
  }
}

function deeper(place: Place): Place {
  if (place.depth > DEPTH_MAX) throw new SqlRefused(`more than ${DEPTH_MAX} of its parts stand within one another`);
  return { ...place, depth: place.depth + 1 };
}

function flat(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
}

function isEmpty(value: object | null): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function membersOf(kinds: Readonly<Record<string, Members>>, kind: unknown, what: string): Members {
  const members = Object.hasOwn(kinds, String(kind)) ? kinds[String(kind)] : undefined;
  if (members === undefined)
    throw new SqlRefused(`${String(kind).replaceAll('_', ' ')} is not available in searches (${what})`);
  return members;
}

/** The database writes the name before `.*` without quotes when it makes text of the tree: what is in it would be SQL. */
function requirePlainName(name: string): void {
  if (/^(?:[A-Za-z_]\w*)?$/.test(name)) return;
  throw new SqlRefused("the name before .* may have letters, digits and '_' only");
}

/** As the database compares names: it knows no case but that of ASCII. */
export function folded(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function requireTable(node: Node, { entries }: Place): void {
  const name = folded(String(node['table_name']));
  const path = [node['catalog_name'], node['schema_name']].filter((part) => part !== '');
  if (path.length > 0 || (name !== LOG_TABLE && !entries.has(name))) {
    const shown = [...path, node['table_name']].join('.');
    throw new SqlRefused(
      `there is no table '${shown}' here; the logs are the table ${LOG_TABLE}, and FROM may be left out`,
    );
  }
  if (node['at_clause'] !== null) throw new SqlRefused('AT is not available in searches');
}

/** The parser itself writes some with the schema `main`. */
function requireFunction(node: Node, isKnown: boolean, what: string): void {
  const { catalog, schema } = node;
  const isPlain = catalog === '' && (schema === '' || schema === 'main');
  if (!isPlain) throw new SqlRefused(`the ${what} ${functionName(node)} takes no name of a schema before it`);
  if (!isKnown) throw new SqlRefused(noFunction(functionName(node), what));
}

function noFunction(name: string, what = 'function'): string {
  return `the ${what} ${name} is not available in searches; docs/logservice.md lists the functions that are`;
}

/** Types of the database's own; one with a name is looked up in the catalog. */
function requireType(node: Node): void {
  const info = (node['type_info'] ?? {}) as Node;
  const name = String(info['name'] ?? '');
  if (node['id'] === 'UNBOUND' && folded(name) !== 'json') throw new SqlRefused(`there is no type ${name} here`);
  if (typeof info['child_type'] === 'object') requireType(info['child_type'] as Node);
  for (const { second } of (info['child_types'] ?? []) as { second: Node }[]) requireType(second);
}

function nestingOf(node: Node): number {
  if (node['class'] === 'SUBQUERY' || node['class'] === 'LAMBDA') return 1;
  if (node['class'] !== 'FUNCTION') return 0;
  const name = functionName(node);
  if (CLS_MACRO_NAMES.includes(name)) return NESTING_OF_CLS_MACRO;
  return name === 'address_hex' ? NESTING_OF_ADDRESS_HEX : 0;
}

function functionName(node: Node): string {
  return folded(String(node['function_name']));
}

/** `x -> ...`, or `(x, i) -> ...`; also `column -> 'path'` of JSON, which the parser does not tell from them. */
function lambdaParameters(node: Node): readonly string[] {
  const left = node['lhs'] as Node;
  const parameters = left['class'] === 'FUNCTION' ? (left['children'] as Node[]) : [left];
  return parameters.flatMap((parameter) => {
    const names = (parameter['column_names'] ?? []) as string[];
    return names.length === 1 ? [folded(names[0]!)] : [];
  });
}

function logTable(): Node {
  return {
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
