/** The value of each field as a number, bytes, bigint or text, against the same oracle as what printers write. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { fieldNamed, isConstant, RECORD_FIELDS } from '../../../agent/record/catalogue.ts';
import { VALUE_BYTES_MAX, type WriteValue } from '../../../agent/record/field-text.ts';
import { CCN_READERS, FIELD_READERS, type FieldReader, type FieldValue } from '../../../agent/record/field-values.ts';
import { CCN_FIELDS, FIELDS } from '../../../schema/fields.ts';
import { expectedValues, plainText } from '../../support/expected-fields.ts';
import { batchHeader, flowRecord, fullAnnotations } from '../../support/flow-records.ts';

const READERS: readonly (readonly [name: string, reader: FieldReader<FieldValue>])[] = FIELDS.flatMap(({ name }) =>
  isConstant(name) ? [] : [[name, FIELD_READERS[name]]],
);
const CCN: readonly (readonly [name: string, reader: FieldReader<FieldValue>])[] = CCN_FIELDS.map(({ name }) => [
  name,
  CCN_READERS[name],
]);

function written(write: WriteValue, record: FlowRecord, windowStart: number): string | undefined {
  const buffer = Buffer.alloc(VALUE_BYTES_MAX);
  const end = write(record, windowStart, buffer, 0);
  return end === 0 ? undefined : buffer.toString('utf8', 0, end);
}

describe.each([
  ['NETWORKINTERFACE' as const, READERS],
  ['CCN' as const, CCN],
])('of %s', (resourceType, readers) => {
  test.each(readers)('%s is the value that is written, and the expected one', (name, { value, shared }) => {
    const field = fieldNamed(name, resourceType)!;
    fc.assert(
      fc.property(flowRecord, batchHeader, (record, header) => {
        const found =
          value === undefined ? shared?.({ ...header, constants: {} }, 'OK') : value(record, header.windowStart);
        const expected = expectedValues(record, { ...header, resourceType, fields: [name] });
        expect(plainText(found)).toBe(expected[0]?.[1]);
        if (field.write !== undefined) expect(written(field.write, record, header.windowStart)).toBe(plainText(found));
      }),
    );
  });
});

test.each(READERS)('%s has the type that the schema gives it', (name, { value, shared }) => {
  const { type, unit } = fieldNamed(name)!;
  const record = { ...createFlowRecord(), icmpType: 3, icmpCode: 1, isAnnotated: true, annotations: fullAnnotations() };
  const context = { windowStart: 0, windowSeconds: 60, accountId: '1', interfaceId: 'eth0' };
  const found = [value?.(record, 0), shared?.(context, 'OK')].filter((each) => each !== undefined);
  expect(found.length).toBeGreaterThan(0);
  for (const each of found) {
    if (type === 'address') expect(each).toHaveLength(4);
    else expect(typeof each).toBe(type === 'integer' ? 'number' : unit === 'nanoseconds' ? 'bigint' : 'string');
  }
});

test('a value that only annotations know is the same in every record without them', () => {
  const evidence = RECORD_FIELDS.filter(({ source }) => source === 'evidence');
  fc.assert(
    fc.property(flowRecord, (record) => {
      for (const { write, unannotated } of evidence) {
        expect(written(write!, { ...record, isAnnotated: false }, 0) ?? '').toBe(unannotated);
      }
    }),
  );
});
