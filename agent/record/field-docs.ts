/** What users read about fields, rendered from the catalogue. */
import { LEDGER_ROWS, logKeys } from '../../schema/ledger-numbers.ts';
import { RECORD_FIELDS, type RecordField } from './catalogue.ts';
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
  const rows = RECORD_FIELDS.map(
    ({ name, aliases = [], type, source, meaning }) =>
      `| ${[name, ...aliases].map((each) => `\`${each}\``).join(', ')} | ${type} | ${source} | ${meaning} |`,
  );
  return ['| field, other names | type | source | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
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

/** How CLS is to index a field. */
export function indexType({ type, index }: RecordField): 'long' | 'text' {
  return index ?? (type === 'integer' ? 'long' : 'text');
}

/** The index of a topic for rows of these columns: `Rule.KeyValue` of CreateIndex (API 2020-10-16). */
export function indexRules(columns: readonly Column[]): string {
  const rules = columns.map(({ label, field }) => {
    const value = { Type: indexType(field), Tokenizer: '', SqlFlag: true, ContainZH: false };
    return `    ${JSON.stringify({ Key: label, Value: value })}`;
  });
  return ['{', '  "CaseSensitive": false,', '  "KeyValues": [', rules.join(',\n'), '  ]', '}'].join('\n');
}
