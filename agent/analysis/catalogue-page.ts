/** docs/analyses.md: the catalogue as a page for people. */
import { type Analysis, type FindingRule, type SeverityRule, USE_CASES } from '../../analyses/analysis.ts';
import { useCases } from '../../analyses/catalogue.ts';
import { defaultsOf } from '../../analyses/question.ts';

const HEAD = `# Analyses

Questions that the records answer, one file each in \`analyses/\`. This page is rendered from those files (\`npm run docs\`).

    flowlogd analyse                                # lists them
    flowlogd analyse scan-ports --since 2h          # rows, how complete the records are, and the records behind a row
    flowlogd analyse scan-ports --set ports=50 -o json

**Completeness.** Every answer says how many windows of that time have a ledger, and what was lost in them: an attack, or a peer, in packets
that were lost is in no record.

**Fields.** What a query needs beyond the documented row is named below; \`npm start\` records all of it but regions and rules of
the packet filter, which only a configuration can name; a flow log of a configuration records what its \`fields\` say. An analysis whose fields no record has is refused with their names, because no rows would look like an answer.

**Precision and recall** are those in a labelled hour (\`test/analyses/mix.ts\`) that has every attack and fault of this page at its
threshold, and innocent traffic that looks like one: a monitor that connects each minute, a backup, a browser at a dead site, a job that polls
a service while it restarts, a session that lasts, a site that is visited for the first time. Tests hold each to finding what is at its threshold,
and nothing one below it. What only ranks or adds up has no figure: no row of it is wrong.

**Findings.** What has a line *As a finding* also runs while records arrive, over the time that the line names, and its rows become findings:
one for one subject, however many windows show it, closed when nothing new was seen of it for the time named. Noisy ones run where the
configuration names them. A finding that another explains says so: a scan is refused, too.

**Other log services.** The texts are for Cloud Log Service as they stand: a condition, a bar, and SQL without WITH, JOIN and FILTER.
\`\${name}\` is the parameter of that name, \`\${until}\` the end of the time in Unix seconds. [Alarms and a dashboard](cls-alarms.md) there have them, too.

**Other databases.** \`--dialect\` prints the same query, with its parameters and its time, for records in object storage or in a table: the
fields as columns, with underscores for dashes. \`completeness\` reads ledgers, which only log services have.

    flowlogd analyse scan-ports --dialect cls
    flowlogd analyse scan-ports --dialect clickhouse --table "s3('https://BUCKET/AWSLogs/**.parquet')"
    flowlogd analyse scan-ports --dialect trino --table flow_logs         # Athena, too
    flowlogd analyse scan-ports --dialect duckdb --table "read_parquet('AWSLogs/**/*.parquet')"

Tests hold the answers of ClickHouse and DuckDB to those of the embedded log service, analysis by analysis; the texts for Trino and Athena are
read by a parser of each, and answer the same once it has translated them. No Trino was asked. In ClickHouse columns must be Nullable where a field
may be absent, as those of Parquet files are. Medians and percentiles are estimates that may differ between databases where values do.
`;

export function renderCataloguePage(catalogue: readonly Analysis[]): string {
  const sections = useCases().map((useCase) => {
    const analyses = catalogue.filter((analysis) => analysis.useCase === useCase);
    return [`## ${USE_CASES[useCase]}`, ...analyses.map((analysis) => renderAnalysis(analysis))].join('\n\n');
  });
  return `${[HEAD.trimEnd(), ...sections].join('\n\n')}\n`;
}

function renderAnalysis(analysis: Analysis): string {
  const { name, title, question, mitre, needs, limits, columns, condition, query, since, severity, finding, measured } =
    analysis;
  const technique =
    mitre === undefined ? '' : ` MITRE ATT&CK [${mitre}](https://attack.mitre.org/techniques/${mitre}/).`;
  const facts = [
    needs.length === 0 ? '' : `* Needs ${needs.map((field) => `\`${field}\``).join(', ')}.`,
    `* Looks back ${since} by default.`,
    limits === undefined ? '' : `* ${limits}`,
    severity.length === 0 ? '' : `* Severity: ${severity.map((rule) => severityText(rule)).join(', ')}.`,
    finding === undefined ? '' : `* As a finding: ${findingText(analysis, finding)}.`,
    measured === undefined ? '' : `* In the labelled mix: precision ${measured.precision}, recall ${measured.recall}.`,
  ].filter((line) => line !== '');
  return [
    `### ${name}`,
    `**${title}.** ${question}${technique}`,
    facts.join('\n'),
    parameterTable(analysis),
    columnTable(columns),
    `\`\`\`sql\n${condition} | ${query.trim()}\n\`\`\``,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function severityText({ severity, column, from }: SeverityRule): string {
  return column === undefined ? severity : `${severity} from \`${column}\` = ${from} on`;
}

function findingText(
  analysis: Analysis,
  { span, byDefault = true, closeAfter, explainedBy = [] }: FindingRule,
): string {
  const seconds = typeof span === 'string' ? (defaultsOf(analysis)[span] ?? span) : span;
  return [
    seconds === 'window' ? 'in one window' : `within ${seconds} s`,
    byDefault ? 'by default' : 'on request',
    `closed after ${closeAfter} s`,
    ...(explainedBy.length === 0 ? [] : [`explained by ${explainedBy.map((each) => each.analysis).join(', ')}`]),
  ].join(', ');
}

function parameterTable(analysis: Analysis): string {
  const rows = Object.entries(analysis.parameters).map(
    ([name, { unit, meaning }]) => `| \`${name}\` | ${defaultsOf(analysis)[name]} | ${unit} | ${meaning} |`,
  );
  return rows.length === 0
    ? ''
    : ['| parameter | default | unit | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function columnTable(columns: Analysis['columns']): string {
  const rows = Object.entries(columns).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`);
  return rows.length === 0 ? '' : ['| column | meaning |', '| --- | --- |', ...rows].join('\n');
}
