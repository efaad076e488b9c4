import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { renderExample } from '../../../agent/config/reference.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { RESOURCE_TYPES } from '../../../agent/model/flow-log.ts';
import { columnsOf } from '../../../agent/record/field-columns.ts';
import { INCIDENT_FIELDS, incidentRow } from '../../../agent/record/incident-fields.ts';
import { expandWords, fieldsOf } from '../../../agent/record/row-formats.ts';

describe('the fields that incident analysis needs', () => {
  test.each(RESOURCE_TYPES)('are beside the documented row of %s, and in none', (resourceType) => {
    const documented = fieldsOf(resourceType, []);
    const { missing, words } = incidentRow(resourceType, true);
    expect(missing.filter((name) => documented.includes(name))).toEqual([]);
    expect(expandWords(words)).toEqual([...documented, ...missing]);
    expect(columnsOf(resourceType, expandWords(words))).toHaveLength(documented.length + missing.length);
    expect(incidentRow(resourceType, false).missing).toEqual(INCIDENT_FIELDS);
  });

  test('are what the commented configuration proposes, and the page of formats', () => {
    const list = `fields: [eni, ${INCIDENT_FIELDS.join(', ')}]`;
    expect(renderExample(SINKS)).toContain(`#${list}\n`);
    expect(readFileSync('docs/formats.md', 'utf8')).toContain(`    ${list}\n`);
  });
});
