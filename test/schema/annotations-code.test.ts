import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codecCode, typeCode } from '../../schema/annotations-code.ts';

const { UPDATE_DOCS } = process.env;

test.each([
  ['agent/model/annotations.ts', typeCode],
  ['agent/wire/annotations.ts', codecCode],
])('%s is what the list of fields renders', (file, render) => {
  const path = new URL(`../../${file}`, import.meta.url);
  if (UPDATE_DOCS === '1') writeFileSync(path, render());
  else expect(readFileSync(path, 'utf8')).toBe(render());
});
