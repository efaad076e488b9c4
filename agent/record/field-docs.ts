/** What users read about fields and ledgers, rendered from the schema. */
import { columnType, type Field, indexType, otelAttribute } from '../../schema/field.ts';
import { FIELDS } from '../../schema/fields.ts';
import { LEDGER_ROWS, logKeys } from '../../schema/ledger-numbers.ts';
import type { Column } from './field-columns.ts';

/** The columns of a row as a Markdown table. */
export function columnTable(columns: readonly Column[]): string {
  const rows = columns.map(
    ({ label, field: { type, source, meaning } }, index) =>
      `| ${index + 1} | \`${label}\` | ${type} | ${source} | ${meaning} |`,
  );
  return ['| # | field | type | source | meaning |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

/** Every field that a list may name, as a Markdown table. */
export function fieldTable(): string {
  const rows = FIELDS.map(
    ({ name, aliases = [], type, unit = '', source, meaning, since }) =>
      `| ${codes([name, ...aliases])} | ${type} | ${unit} | ${source} | ${meaning} | ${since} |`,
  );
  const head = [
    '| field, other names | type | unit | source | meaning | since |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  return [...head, ...rows].join('\n');
}

/** What other systems call and store each field as, as a Markdown table. */
export function elsewhereTable(): string {
  const rows = FIELDS.map((field) => {
    const { name, ipfix = [] } = field;
    const elements = ipfix.map((element) => `${element.number} ${element.name}`).join(', ');
    return `| \`${name}\` | ${indexType(field)} | ${columnText(field)} | ${elements} | \`${otelAttribute(field)}\` |`;
  });
  const head = '| field | CLS index | column of the embedded log service | IPFIX element | OpenTelemetry attribute |';
  return [head, '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

function columnText(field: Field): string {
  return field.column === undefined ? '' : `${columnType(field)}, since ${field.column}`;
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

const PARTS = { outcome: 'a term of the sum', metered: 'of the metered', beside: 'beside the sum' } as const;

/** Every number of a ledger, as a Markdown table. */
export function ledgerTable(): string {
  const rows = LEDGER_ROWS.map((row) => {
    const keys = logKeys(row).map((key) => `\`${key}\``);
    return `| \`${row.name}\` | ${keys.join(', ')} | ${PARTS[row.part]} | ${row.meaning} | ${row.since} |`;
  });
  return ['| number | keys of its log | is | meaning | since |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

/** The index of a topic for rows of these columns: `Rule.KeyValue` of CreateIndex (API 2020-10-16). */
export function indexRules(columns: readonly Column[]): string {
  const rules = columns.map(({ label, field }) => {
    const value = { Type: indexType(field), Tokenizer: '', SqlFlag: true, ContainZH: false };
    return `    ${JSON.stringify({ Key: label, Value: value })}`;
  });
  return ['{', '  "CaseSensitive": false,', '  "KeyValues": [', rules.join(',\n'), '  ]', '}'].join('\n');
}
