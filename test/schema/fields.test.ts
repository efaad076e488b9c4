import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Annotation, columnType, type Field, indexType, otelAttribute } from '../../schema/field.ts';
import { CCN_FIELDS, FIELDS } from '../../schema/fields.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

function annotationsOf(fields: readonly Field[]): Annotation[] {
  return fields.flatMap((field) => (field.source === 'evidence' ? [field.annotation] : []));
}

function repeated<Value>(values: readonly Value[]): Value[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}

/** `0.10.0` is after `0.9.0`. */
function isAtMost(left: string, right: string): boolean {
  return left.localeCompare(right, 'en', { numeric: true }) <= 0;
}

describe('no two fields have in common', () => {
  test.each<[string, readonly unknown[]]>([
    ['a name', FIELDS.flatMap(({ name, aliases = [] }) => [name, ...aliases])],
    ['a name of an annotation', annotationsOf(FIELDS).map(({ name }) => name)],
    ['a number in the message of annotations', annotationsOf(FIELDS).map(({ field }) => field)],
    ['an IPFIX element', FIELDS.flatMap(({ ipfix = [] }) => ipfix.map(({ number }) => number))],
    ['the name of an IPFIX element', FIELDS.flatMap(({ ipfix = [] }) => ipfix.map(({ name }) => name))],
    ['an attribute of OpenTelemetry', FIELDS.map(otelAttribute)],
  ])('%s', (_, values) => {
    expect(values.length).toBeGreaterThan(10);
    expect(repeated(values)).toEqual([]);
  });
});

describe.each(FIELDS.map((field) => [field.name, field] as const))('%s', (_, field) => {
  test('has names that CLS indexes and an attribute that OpenTelemetry takes', () => {
    for (const name of [field.name, ...(field.aliases ?? [])]) expect(name).toMatch(/^[a-z][a-z0-9_-]{0,31}$/);
    expect(otelAttribute(field)).toMatch(/^[a-z]+(_[a-z]+)*(\.[a-z0-9]+(_[a-z0-9]+)*)+$/);
  });

  test('has a meaning that is a sentence', () => {
    expect(field.meaning).toMatch(/^[A-Z`].*\.$/);
  });

  test('is as old as it says', () => {
    expect(field.since).toMatch(/^\d+\.\d+\.\d+$/);
    expect(isAtMost(field.since, version)).toBe(true);
  });

  test('has its IPFIX elements for each family where they differ, else one', () => {
    const { ipfix = [], type } = field;
    if (type === 'address' || ipfix.length > 1)
      expect(ipfix.map(({ name }) => name.match(/IPv[46]/)?.[0])).toEqual(['IPv4', 'IPv6']);
    for (const { number } of ipfix) expect(number).toBeLessThan(0x8000);
  });

  test('has a column where it is a number, not before it was recorded', () => {
    if (indexType(field) === 'long') expect(field.column).toBeDefined();
    if (field.column === undefined) return;
    expect(isAtMost(field.since, field.column)).toBe(true);
    expect(isAtMost(field.column, version)).toBe(true);
  });
});

test('what CCN means otherwise is a field of the list, with the same place everywhere else', () => {
  for (const { meaning: _, index: __, source: ___, ...ccn } of CCN_FIELDS) {
    expect(FIELDS.find(({ name }) => name === ccn.name)).toMatchObject(ccn);
  }
});

const PROTO_TYPES = { text: 'string', address: 'bytes', port: 'uint32', microseconds: 'uint64' } as const;
const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const [, MESSAGE = ''] = /^message Annotations \{\n(.*?)^\}/ms.exec(read('proto/flowlog.proto')) ?? [];

/** `bytes translated_source_address = 7`; times are nanoseconds on the wire. */
function protoField({ name, field, kind }: Annotation): string {
  const words = snake(name).replace(/_microseconds$/, '_nanoseconds');
  if (typeof kind !== 'string') return `${name[0]!.toUpperCase()}${name.slice(1)} ${words} = ${field}`;
  return `${PROTO_TYPES[kind]} ${words}${kind === 'address' ? '_address' : ''} = ${field}`;
}

test('the numbers of annotations have tags of one byte, as their codec writes them', () => {
  for (const { field } of annotationsOf(FIELDS)) expect(field).toBeLessThan(16);
});

test('the message of annotations has the fields of the schema, and no other', () => {
  const fields = [...MESSAGE.matchAll(/^ {2}(\w+ \w+ = \d+);$/gm)].map(([, field]) => field);
  expect(fields.toSorted()).toEqual(annotationsOf(FIELDS).map(protoField).toSorted());
});

test('each enum of the message has the values of the schema at their numbers, the first one under any name', () => {
  for (const { name, kind } of annotationsOf(FIELDS)) {
    if (typeof kind === 'string') continue;
    const [, body = ''] = new RegExp(`enum ${name} \\{\\n(.*?)\\}`, 'si').exec(MESSAGE) ?? [];
    const values = [...body.matchAll(/^ +(\w+) = (\d+);$/gm)].map(([, value, number]) => [Number(number), value]);
    const expected = kind.map((value, number) => [number, value.toUpperCase()]);
    expect([name, values.slice(1)]).toEqual([name, expected.slice(1)]);
    expect(values[0]?.[0]).toBe(0);
  }
});

/** What searches and sums over a field take it for: of a store that exists, it cannot be changed. */
test.each<[string, 'long' | 'text', 'BIGINT' | 'VARCHAR', string]>([
  ['srcaddr', 'text', 'VARCHAR', 'source.address'],
  ['srcport', 'long', 'BIGINT', 'source.port'],
  ['bytes', 'long', 'BIGINT', 'flow.bytes.delta'],
  ['action', 'text', 'VARCHAR', 'flowlogd.action'],
  ['log-status', 'text', 'VARCHAR', 'flowlogd.log_status'],
])('%s is indexed as %s and has a column of %s', (name, index, column, attribute) => {
  const field = FIELDS.find((each) => each.name === name)!;
  expect([indexType(field), columnType(field), otelAttribute(field)]).toEqual([index, column, attribute]);
});

test('the row of a gateway has the source port as a text, and the fields of an interface else', () => {
  expect(CCN_FIELDS.map((field) => [field.name, indexType(field)])).toEqual([
    ['srcport', 'text'],
    ['dstport', 'long'],
    ['start', 'long'],
    ['end', 'long'],
  ]);
  for (const { name, meaning } of CCN_FIELDS)
    expect(meaning).not.toBe(FIELDS.find((field) => field.name === name)!.meaning);
});
