import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RECORD_FIELDS } from '../../../agent/record/catalogue.ts';
import { columnsOf, ENI_COLUMNS, NDJSON_COLUMNS } from '../../../agent/record/field-columns.ts';
import { columnTable, elsewhereTable, fieldTable, indexRules, ledgerTable } from '../../../agent/record/field-docs.ts';

const { UPDATE_DOCS } = process.env;
const NAT_COLUMNS = columnsOf('NAT', [])!;
const CCN_COLUMNS = columnsOf('CCN', [])!;

/** The page with everything between `<!-- name -->` and `<!-- end -->` rendered anew. */
function rendered(page: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, content]) => {
    const start = text.indexOf(`<!-- ${name} -->`);
    expect(start, name).toBeGreaterThan(0);
    const end = text.indexOf('<!-- end -->', start);
    return `${text.slice(0, start)}<!-- ${name} -->\n${content}\n${text.slice(end)}`;
  }, page);
}

function json(text: string): string {
  return `\`\`\`json\n${text}\n\`\`\``;
}

test.each([
  [
    'docs/formats.md',
    {
      'fields: ndjson': columnTable(NDJSON_COLUMNS),
      'fields: eni': columnTable(ENI_COLUMNS),
      'fields: nat': columnTable(NAT_COLUMNS.slice(ENI_COLUMNS.length)),
      'fields: ccn': columnTable(CCN_COLUMNS),
      'fields: all': fieldTable(),
      'fields: elsewhere': elsewhereTable(),
      'ledger: numbers': ledgerTable(),
    },
  ],
  ['docs/cls.md', { 'index: eni': json(indexRules(ENI_COLUMNS)), 'index: ccn': json(indexRules(CCN_COLUMNS)) }],
])('%s says what the catalogue says', (page, parts) => {
  const path = new URL(`../../../${page}`, import.meta.url);
  const found = readFileSync(path, 'utf8');
  const expected = rendered(found, parts);
  if (UPDATE_DOCS === '1') writeFileSync(path, expected);
  else expect(found).toBe(expected);
});

describe('the catalogue', () => {
  test('has a value for every field', () => {
    for (const { name, shared, write } of RECORD_FIELDS) expect(shared ?? write, name).toBeDefined();
  });

  test('types the CCN row as the documents do: numbers but for the source port', () => {
    const { KeyValues } = JSON.parse(indexRules(CCN_COLUMNS)) as {
      KeyValues: { Key: string; Value: { Type: string } }[];
    };
    const long = KeyValues.filter(({ Value }) => Value.Type === 'long').map(({ Key }) => Key);
    expect(long).toEqual(['dstport', 'start', 'packets', 'protocol', 'bytes', 'end']);
  });

  test('knows no columns of a list with a name that is none', () => {
    expect(columnsOf('NETWORKINTERFACE', ['srcaddr', 'srcadr'])).toBeUndefined();
  });
});
