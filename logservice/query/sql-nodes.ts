/**
 * The nodes of a parsed statement (`json_serialize_sql` of DuckDB 1.5) that searches may have, and what stands in their members. Texts,
 * numbers and truths in a node say how, never what is read, but for those that `SqlScope` looks at. A member that holds more than
 * that must be named here, so that a node, or a part of one, that nobody thought of is refused.
 *
 *     statement ── node ──▶ query ── from_table ──▶ table ── subquery ──▶ statement
 *                             │                       │
 *                             └── select_list … ──▶ expression ── subquery ──▶ statement
 */
export type Role = 'expression' | 'modifier' | 'names' | 'query' | 'statement' | 'table' | 'type' | 'value' | Members;
/** A list holds many of the same. */
export interface Members {
  readonly [member: string]: Role;
}

const SAMPLE: Members = { sample_size: 'value' };

/** By `class`. */
export const EXPRESSIONS: Readonly<Record<string, Members>> = {
  BETWEEN: { input: 'expression', lower: 'expression', upper: 'expression' },
  CASE: { case_checks: { when_expr: 'expression', then_expr: 'expression' }, else_expr: 'expression' },
  CAST: { child: 'expression', cast_type: 'type' },
  COLLATE: { child: 'expression' },
  COLUMN_REF: { column_names: 'names' },
  COMPARISON: { left: 'expression', right: 'expression' },
  CONJUNCTION: { children: 'expression' },
  CONSTANT: { value: 'value' },
  FUNCTION: { children: 'expression', filter: 'expression', order_bys: 'modifier' },
  LAMBDA: { lhs: 'expression', expr: 'expression' },
  OPERATOR: { children: 'expression' },
  POSITIONAL_REFERENCE: {},
  STAR: {
    exclude_list: 'names',
    replace_list: { value: 'expression' },
    expr: 'expression',
    qualified_exclude_list: { column: 'names' },
    rename_list: { key: { column: 'names' } },
  },
  SUBQUERY: { subquery: 'statement', child: 'expression' },
  WINDOW: {
    children: 'expression',
    partitions: 'expression',
    orders: { expression: 'expression' },
    start_expr: 'expression',
    end_expr: 'expression',
    offset_expr: 'expression',
    default_expr: 'expression',
    filter_expr: 'expression',
    arg_orders: { expression: 'expression' },
  },
};

/** By `type`. All may have a `sample`. */
export const TABLES: Readonly<Record<string, Members>> = {
  BASE_TABLE: { sample: SAMPLE, column_name_alias: 'names' },
  EMPTY: { sample: SAMPLE },
  EXPRESSION_LIST: { sample: SAMPLE, expected_names: 'names', expected_types: 'type', values: 'expression' },
  JOIN: { sample: SAMPLE, left: 'table', right: 'table', condition: 'expression', using_columns: 'names' },
  PIVOT: {
    sample: SAMPLE,
    source: 'table',
    aggregates: 'expression',
    unpivot_names: 'names',
    pivots: {
      pivot_expressions: 'expression',
      unpivot_names: 'names',
      entries: { values: 'value', star_expr: 'expression' },
    },
    groups: 'names',
    column_name_alias: 'names',
  },
  SUBQUERY: { sample: SAMPLE, subquery: 'statement', column_name_alias: 'names' },
  TABLE_FUNCTION: { sample: SAMPLE, function: 'expression', column_name_alias: 'names' },
};

/** By `type`. Their `cte_map` and `modifiers` have an order of their own. */
export const QUERIES: Readonly<Record<string, Members>> = {
  SELECT_NODE: {
    from_table: 'table',
    select_list: 'expression',
    where_clause: 'expression',
    group_expressions: 'expression',
    group_sets: 'names',
    having: 'expression',
    sample: SAMPLE,
    qualify: 'expression',
    modifiers: 'modifier',
  },
  SET_OPERATION_NODE: { left: 'query', right: 'query', children: 'query', modifiers: 'modifier' },
  RECURSIVE_CTE_NODE: {
    left: 'query',
    right: 'query',
    aliases: 'names',
    key_targets: 'expression',
    modifiers: 'modifier',
  },
};

/** By `type`. */
export const MODIFIERS: Readonly<Record<string, Members>> = {
  DISTINCT_MODIFIER: { distinct_on_targets: 'expression' },
  LIMIT_MODIFIER: { limit: 'expression', offset: 'expression' },
  LIMIT_PERCENT_MODIFIER: { limit: 'expression', offset: 'expression' },
  ORDER_MODIFIER: { orders: { expression: 'expression' } },
};
