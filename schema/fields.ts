/**
 * The one list of the fields of a record: names, types, meanings, where they come from, and what other systems call them. The
 * printers, the annotations and their codec, the index rules for Cloud Log Service, the columns of the embedded log service
 * and the tables of docs/formats.md are derived from it: a new field is one row here and its value in
 * `agent/record/field-values.ts`; one that is learnt beside the packets is a number of `proto/flowlog.proto`, too; one that only
 * the configuration knows is the row alone.
 */
import { DOCUMENTED_FIELDS } from './documented-fields.ts';
import type { Annotation, Field } from './field.ts';
import { FURTHER_FIELDS } from './further-fields.ts';

const ROWS = [...DOCUMENTED_FIELDS, ...FURTHER_FIELDS] as const;

/** One row of the list, by its name. */
export type FieldRow<Name extends FieldName = FieldName> = Extract<(typeof ROWS)[number], { name: Name }>;
export type FieldName = (typeof ROWS)[number]['name'];
/** Names of what only the configuration knows. */
export type ConstantName = Extract<FieldRow, { source: 'constant' }>['name'];

/** In the order in which documents and the log service list them. */
export const FIELDS: readonly (Field & { readonly name: FieldName })[] = ROWS;

/** What the annotations of a record hold, in the order of their numbers on the wire. */
export const ANNOTATIONS: readonly Annotation[] = ROWS.flatMap((row) =>
  row.source === 'evidence' ? [row.annotation] : [],
).toSorted((left, right) => left.field - right.field);

const PORTS = 'of TCP and UDP; none for every other protocol.';

/** What the documents say otherwise of the records of CCN, `srcport` as text among it; all else is as above. */
const CCN_ROWS = [
  { ...rowOf('srcport'), index: 'text', meaning: `Source port ${PORTS}` },
  { ...rowOf('dstport'), meaning: `Destination port ${PORTS}` },
  {
    ...rowOf('start'),
    source: 'counted',
    meaning: 'Time of the earliest packet, Unix seconds; the window’s start in the row of a window.',
  },
  {
    ...rowOf('end'),
    source: 'counted',
    meaning: 'Time of the latest packet, Unix seconds; the window’s end in the row of a window.',
  },
] as const satisfies readonly Field[];

export type CcnFieldName = (typeof CCN_ROWS)[number]['name'];

export const CCN_FIELDS: readonly (Field & { readonly name: CcnFieldName })[] = CCN_ROWS;

function rowOf<Name extends FieldName>(name: Name): FieldRow<Name> {
  return ROWS.find((row): row is FieldRow<Name> => row.name === name)!;
}
