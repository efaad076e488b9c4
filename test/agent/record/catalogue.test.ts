import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fieldTable, RECORD_FORMATS } from '../../../agent/record/catalogue.ts';

const { UPDATE_DOCS } = process.env;

test('docs/formats.md has the field tables of the catalogue', () => {
  const path = new URL('../../../docs/formats.md', import.meta.url);
  const found = readFileSync(path, 'utf8');
  const rendered = RECORD_FORMATS.reduce((text, format) => {
    const start = text.indexOf(`<!-- fields: ${format} -->`);
    expect(start).toBeGreaterThan(0);
    const end = text.indexOf('<!-- end -->', start);
    return `${text.slice(0, start)}<!-- fields: ${format} -->\n${fieldTable(format)}\n${text.slice(end)}`;
  }, found);
  if (UPDATE_DOCS === '1') writeFileSync(path, rendered);
  else expect(found).toBe(rendered);
});
