/**
 * The shape of an analysis of the catalogue: a file `NAME.yaml` in this folder. One text of a query serves every log service that
 * speaks the common subset of SQL: nested SELECT, GROUP BY, HAVING, CASE; no WITH, no JOIN, no FILTER. FROM is left out where the
 * logs are meant, as Cloud Log Service has it.
 */
export const USE_CASES = {
  'network-issues': 'Identify network issues',
  architecture: 'Optimise the architecture',
  threats: 'Detect threats',
} as const;
export type UseCase = keyof typeof USE_CASES;

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const CHARTS = ['table', 'bar', 'line', 'matrix'] as const;
export type Chart = (typeof CHARTS)[number];

export interface Parameter {
  readonly default: number;
  readonly unit: string;
  /** A sentence. */
  readonly meaning: string;
}

/** What a row is worth: this severity if its column is at least `from`, or in any case. */
export interface SeverityRule {
  readonly severity: Severity;
  readonly column?: string;
  readonly from?: number;
}

/** How its rows become findings while records arrive. */
export interface FindingRule {
  /** Time whose records count, aligned to the epoch: seconds, the name of a parameter that has them, or `window`. */
  readonly span: number | string;
  /** False for what is noisy: it then runs where it is asked for. */
  readonly byDefault?: boolean;
  /** Seconds without anything new of it after which a finding is closed. */
  readonly closeAfter: number;
  /** Findings of other analyses that a row is a consequence of. */
  readonly explainedBy?: readonly Explanation[];
}

export interface Explanation {
  readonly analysis: string;
  /** Columns of the row, and those of the other that have the same values. */
  readonly where: Readonly<Record<string, string>>;
}

export interface Analysis {
  readonly name: string;
  readonly title: string;
  /** That its rows answer. */
  readonly question: string;
  readonly useCase: UseCase;
  /** Technique of MITRE ATT&CK. */
  readonly mitre?: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** Fields that records must have beyond those of the documented row. */
  readonly needs: readonly string[];
  /** A condition that some log must meet, for what shows only in a value of a field. */
  readonly needsValue?: string;
  /** Sentences for where none does. */
  readonly missing?: string;
  /** Sentences on what its rows cannot show. */
  readonly limits?: string;
  /** How far back it looks by default, as `--since` takes it. */
  readonly since: string;
  readonly condition: string;
  /** SQL; `${name}` is a parameter, `${until}` the end of the time that is looked at in Unix seconds. */
  readonly query: string;
  /** Meanings of the columns that are no fields of records. */
  readonly columns: Readonly<Record<string, string>>;
  /** A condition that finds the records behind a row; `${column}` is its value there. */
  readonly records: string | undefined;
  readonly chart: Chart;
  /** In the labelled mix of test/analyses, shares of one. */
  readonly measured?: { readonly precision: number; readonly recall: number };
  /** The last rule that applies counts; empty for what is no finding. */
  readonly severity: readonly SeverityRule[];
  /** Without it its rows never become findings. */
  readonly finding?: FindingRule;
}

const SINCE_DEFAULT = '1h';

const MEMBERS = {
  title: 'string',
  question: 'string',
  useCase: Object.keys(USE_CASES),
  mitre: 'string',
  parameters: 'object',
  needs: 'object',
  needsValue: 'string',
  missing: 'string',
  limits: 'string',
  since: 'string',
  condition: 'string',
  query: 'string',
  columns: 'object',
  records: 'string',
  chart: CHARTS,
  measured: 'object',
  severity: 'object',
  finding: 'object',
} as const;
const REQUIRED = ['title', 'question', 'useCase', 'condition', 'query', 'chart'] as const;

/** @param document of the file. @throws Error that says what is wrong with it */
export function parseAnalysis(name: string, document: unknown): Analysis {
  const given = document as Readonly<Record<string, unknown>>;
  if (typeof document !== 'object' || document === null) throw new Error(`${name}: expected a map`);
  for (const [member, value] of Object.entries(given)) {
    const expected = MEMBERS[member as keyof typeof MEMBERS];
    if (expected === undefined) throw new Error(`${name}: unknown member '${member}'`);
    const isRight = typeof expected === 'string' ? typeof value === expected : expected.includes(value as never);
    if (!isRight)
      throw new Error(`${name}.${member}: expected ${typeof expected === 'string' ? expected : expected.join(', ')}`);
  }
  for (const member of REQUIRED) if (given[member] === undefined) throw new Error(`${name}.${member} is missing`);
  const defaults = { parameters: {}, needs: [], since: SINCE_DEFAULT, columns: {}, records: undefined, severity: [] };
  return { name, ...defaults, ...given } as unknown as Analysis;
}
