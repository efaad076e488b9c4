import { describe, expect, test } from 'vitest';
import { misspeltVariables, namesIn, readVariable, variableOf } from '../../../agent/config/environment.ts';
import { schemaFor } from '../../../agent/config/schema.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import type { Node } from '../../../agent/options/option.ts';

const SCHEMA = schemaFor(SINKS);

/** Every option that a variable may stand for, with the sections of a sink of each kind. */
function pathsOf(node: Node, path: string): string[] {
  const inner = (name: string): string => (path === '' ? name : `${path}.${name}`);
  if (node.node === 'section')
    return Object.entries(node.fields).flatMap(([name, field]) => pathsOf(field, inner(name)));
  if (node.node === 'named') return Object.values(node.types).flatMap((type) => pathsOf(type, `${path}.archive`));
  return [path];
}

describe('the variable of an option', () => {
  test.each([
    ['hostId', 'FLOWLOGD_HOST_ID'],
    ['capture.snapBytes', 'FLOWLOGD_CAPTURE_SNAP_BYTES'],
    ['sinks.archive.topicId', 'FLOWLOGD_SINKS_ARCHIVE_TOPIC_ID'],
    ['flowLogs[0].name', undefined],
  ])('%s is %s', (path, variable) => expect(variableOf(path)).toBe(variable));

  test('is that of no other option', () => {
    const paths = [...new Set(pathsOf(SCHEMA, ''))];
    expect(paths.length).toBeGreaterThan(30);
    const variables = paths.map((path) => variableOf(path)!);
    expect(new Set(variables).size).toBe(paths.length);
    for (const variable of variables) expect(variable).toMatch(/^FLOWLOGD_[A-Z][A-Z0-9_]*$/);
  });

  test('that is empty counts as not set', () => {
    expect(readVariable({ FLOWLOGD_HOST_ID: '' }, 'FLOWLOGD_HOST_ID')).toBeUndefined();
    expect(readVariable({ FLOWLOGD_HOST_ID: ' ' }, 'FLOWLOGD_HOST_ID')).toBe(' ');
    expect(readVariable({}, 'FLOWLOGD_HOST_ID')).toBeUndefined();
    expect(readVariable({ x: 'y' }, undefined)).toBeUndefined();
  });
});

describe('sections that only the environment names', () => {
  test('are those with a type', () => {
    const environment = {
      FLOWLOGD_SINKS_ARCHIVE_TYPE: 'cls',
      FLOWLOGD_SINKS_S3_TYPE: 'cls',
      FLOWLOGD_SINKS_EMPTY_TYPE: '',
      FLOWLOGD_SINKS_A_B_TYPE: 'cls',
      FLOWLOGD_SINKS_OTHER_TOPIC_ID: 't',
      FLOWLOGD_SINKS_TYPE: 'cls',
    };
    expect(namesIn(environment, 'sinks')).toEqual(['archive', 's3']);
  });
});

describe('a variable that overrides nothing', () => {
  const warnings = (...names: readonly string[]) =>
    misspeltVariables(SCHEMA, [], Object.fromEntries(names.map((name) => [name, 'x'])));

  test('is named, with the one that was meant', () => {
    expect(warnings('FLOWLOGD_HOSTID')).toEqual([
      'unknown environment variable FLOWLOGD_HOSTID; did you mean FLOWLOGD_HOST_ID?',
    ]);
  });

  test('of a section that nothing names says how to name it', () => {
    expect(warnings('FLOWLOGD_SINKS_ARCHIVE_TOPIC_ID')).toEqual([
      'unknown environment variable FLOWLOGD_SINKS_ARCHIVE_TOPIC_ID; declare sinks.archive in the file, or set FLOWLOGD_SINKS_ARCHIVE_TYPE',
    ]);
  });

  test('is not mentioned where it is another program’s, or Kubernetes put it there', () => {
    expect(
      warnings('PATH', 'FLOWLOG_HOST_ID', 'FLOWLOGD_PORT', 'FLOWLOGD_PORT_80_TCP', 'FLOWLOGD_SERVICE_HOST'),
    ).toEqual([]);
  });
});
