/** Asks a log service for an analysis of the catalogue, and for how complete the records of that time are. */
import type { Analysis, Severity } from '../../analyses/analysis.ts';
import {
  bySeverity,
  defaultsOf,
  type ParameterValues,
  questionOf,
  recordsBehind,
  severityOf,
} from '../../analyses/question.ts';
import { OperationalError } from '../model/operational-error.ts';
import { type Cell, ROWS_MAX, type SearchAnswer } from '../model/search.ts';
import { COMPLETENESS_QUERY, type Completeness, completenessOf } from './completeness.ts';

export interface AnalysisRow {
  readonly severity: Severity | undefined;
  readonly cells: readonly Cell[];
  /** The query that finds the records behind it. */
  readonly records: string | undefined;
}

export interface AnalysisAnswer {
  readonly analysis: Analysis;
  readonly parameters: ParameterValues;
  /** As it was asked. */
  readonly query: string;
  readonly columns: SearchAnswer['columns'];
  readonly rows: readonly AnalysisRow[];
  readonly truncated: boolean;
  readonly truncatedBy: 'rows' | 'bytes' | null;
  readonly notes: readonly string[];
  readonly completeness: Completeness;
}

/** A search of the time that is looked at. @param limit rows */
export type Ask = (query: string, limit: number) => Promise<SearchAnswer>;

/** @param untilSeconds end of that time, Unix seconds. @throws OperationalError */
export async function runAnalysis(
  ask: Ask,
  analysis: Analysis,
  asked: { readonly values: ParameterValues; readonly untilSeconds: number; readonly limit: number },
): Promise<AnalysisAnswer> {
  const parameters = { ...defaultsOf(analysis), ...asked.values };
  const query = questionOf(analysis, parameters, asked.untilSeconds);
  await refuseUnanswerable(ask, analysis);
  // The worst come first, wherever the query has them.
  const found = await ask(query, analysis.severity.length === 0 ? asked.limit : ROWS_MAX);
  const rows = rowsOf(analysis, found);
  const ledgers = await ask(COMPLETENESS_QUERY, 1);
  return {
    analysis,
    parameters,
    query,
    columns: found.columns,
    rows: rows.slice(0, asked.limit),
    truncated: found.truncated || rows.length > asked.limit,
    truncatedBy: rows.length > asked.limit ? 'rows' : found.truncated ? (found.truncatedBy ?? 'rows') : null,
    notes: found.notes,
    completeness: completenessOf(ledgers.rows[0]),
  };
}

function rowsOf(analysis: Analysis, { columns, rows }: SearchAnswer): readonly AnalysisRow[] {
  const all = rows.map((cells): AnalysisRow => {
    const row = Object.fromEntries(columns.map(({ name }, index) => [name, cells[index]]));
    return { severity: severityOf(analysis, row), cells, records: recordsBehind(analysis, row) };
  });
  return all.toSorted((left, right) => bySeverity(left.severity, right.severity));
}

/** @throws OperationalError where no record has what the analysis looks at: no rows would look like an answer */
async function refuseUnanswerable(ask: Ask, analysis: Analysis): Promise<void> {
  const { name, needs, needsValue, missing } = analysis;
  if (needs.length === 0) return;
  const counted = needs.map((field) => `count("${field}")`).join(', ');
  const [row = []] = (await ask(`log-status:OK | select count(*), ${counted}`, 1)).rows;
  const [records = 0, ...having] = row.map(Number);
  if (records === 0) return;
  const lacking = needs.filter((_, index) => having[index] === 0);
  if (lacking.length > 0) {
    const fields = lacking.join(' and ');
    throw new OperationalError(
      'analysis.unanswerable',
      `${name} needs the field ${fields}, which none of the ${records} records of that time has: add it to flowLogs[].fields.`,
    );
  }
  if (needsValue !== undefined && (await ask(`${needsValue} | select count(*)`, 1)).rows[0]?.[0] === 0) {
    throw new OperationalError('analysis.unanswerable', `${name}: ${missing ?? `no record has ${needsValue}.`}`);
  }
}
