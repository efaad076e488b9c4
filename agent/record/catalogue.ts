/** The fields of the schema, each with its value as text: what all formats print columns of. */
import type { Field } from '../../schema/field.ts';
import { CCN_FIELDS, type ConstantName, FIELDS, type FieldName } from '../../schema/fields.ts';
import type { ResourceType } from '../model/flow-log.ts';
import { createFlowRecord } from '../model/flow-record.ts';
import type { LogStatus } from '../model/ledger.ts';
import { VALUE_BYTES_MAX, valueWriter, type WriteValue } from './field-text.ts';
import { CCN_READERS, FIELD_READERS, type FieldReader, type FieldValue } from './field-values.ts';
import type { RowContext } from './row-context.ts';

export type RecordField = Field & FieldText;

interface FieldText {
  /** The value in rows that stand for a window, and in all rows of it where a record has none of its own. */
  readonly shared?: (context: RowContext, status: LogStatus) => string | undefined;
  /** The value of one record. */
  readonly write?: WriteValue;
  /** The same, not as text. */
  readonly value?: FieldReader<FieldValue>['value'];
  /** What `write` says of each record without annotations, where it needs them; empty for nothing. */
  readonly unannotated?: string;
}

export const RECORD_FIELDS: readonly RecordField[] = FIELDS.map((field) => withText(field, readerOf(field.name)));
const CCN_RECORD_FIELDS = CCN_FIELDS.map((field) => withText(field, CCN_READERS[field.name]));

function readerOf(name: FieldName): FieldReader<FieldValue> {
  return isConstant(name) ? { shared: ({ constants }) => constants?.[name] } : FIELD_READERS[name];
}

export function isConstant(name: FieldName): name is ConstantName {
  return FIELDS.some((field) => field.name === name && field.source === 'constant');
}

function withText(
  field: Field,
  { shared, value, write = value && valueWriter(value) }: FieldReader<FieldValue>,
): RecordField {
  return {
    ...field,
    ...(shared && { shared: (context: RowContext, status: LogStatus) => shared(context, status)?.toString() }),
    ...(write && { write }),
    ...(value && { value }),
    ...(write && field.source === 'evidence' && { unannotated: unannotatedText(write) }),
  };
}

function unannotatedText(write: WriteValue): string {
  const buffer = Buffer.alloc(VALUE_BYTES_MAX);
  return buffer.toString('latin1', 0, write(createFlowRecord(), 0, buffer, 0));
}

const BY_NAME = byEveryName(RECORD_FIELDS);
const BY_CCN_NAME: ReadonlyMap<string, RecordField> = new Map([...BY_NAME, ...byEveryName(CCN_RECORD_FIELDS)]);

function byEveryName(fields: readonly RecordField[]): ReadonlyMap<string, RecordField> {
  return new Map(fields.flatMap((field) => [field.name, ...(field.aliases ?? [])].map((name) => [name, field])));
}

/** Every name that a field has. */
export const FIELD_NAMES: readonly string[] = [...BY_NAME.keys()];

/** The field that records of the type mean by a name; undefined where none is called so. */
export function fieldNamed(name: string, resourceType: ResourceType = 'NETWORKINTERFACE'): RecordField | undefined {
  return (resourceType === 'CCN' ? BY_CCN_NAME : BY_NAME).get(name);
}

/** Names of what only the configuration knows. */
export const CONSTANT_NAMES: readonly string[] = RECORD_FIELDS.filter(({ source }) => source === 'constant').map(
  ({ name }) => name,
);
