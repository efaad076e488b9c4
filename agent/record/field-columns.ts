/** Columns of records: fields under the names that a list or a format gives them. */
import { ANNOTATION_SOURCES, type AnnotationSource } from '../../schema/field.ts';
import type { ResourceType } from '../model/flow-log.ts';
import { fieldNamed, type RecordField } from './catalogue.ts';
import { fieldsOf, words } from './row-formats.ts';

/** A field under the name that its column bears. */
export interface Column {
  readonly label: string;
  readonly field: RecordField;
}

/** What has to be asked for these columns. */
export function evidenceOf(columns: readonly Column[]): readonly AnnotationSource[] {
  return ANNOTATION_SOURCES.filter((evidence) => columns.some(({ field }) => field.evidence === evidence));
}

/** Names of the constants that these columns show. */
export function constantsOf(columns: readonly Column[]): readonly string[] {
  return columns.filter(({ field }) => field.source === 'constant').map(({ field }) => field.name);
}

/** The columns of a list of fields, the documented ones of an empty list; undefined where a name is none. */
export function columnsOf(resourceType: ResourceType, fields: readonly string[]): readonly Column[] | undefined {
  const columns: Column[] = [];
  for (const label of fieldsOf(resourceType, fields)) {
    const field = fieldNamed(label, resourceType);
    if (field === undefined) return undefined;
    columns.push({ label, field });
  }
  return columns;
}

/** The row of `--format ndjson`; its `start` and `end` are those of the packets. */
export const NDJSON_COLUMNS: readonly Column[] = (
  [
    ['window_start', 'window-start'],
    ...words('srcaddr dstaddr srcport dstport protocol packets bytes').map((name) => [name, name] as const),
    ['start', 'first'],
    ['end', 'last'],
    ['tcp_flags', 'tcp-flags'],
    ['interface_id', 'interface-id'],
  ] as const
).map(([label, name]) => ({ label, field: fieldNamed(name)! }));

export const ENI_COLUMNS: readonly Column[] = columnsOf('NETWORKINTERFACE', [])!;
