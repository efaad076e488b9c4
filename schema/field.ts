/**
 * The shape of one row of the list of fields (`fields.ts`), and what follows from a row alone: how Cloud Log Service indexes
 * the field, what the embedded log service stores it as, what OpenTelemetry calls it.
 */
export type Field = FieldText & FieldSource & FieldElsewhere;

interface FieldText {
  readonly name: string;
  /** Other names that a list of fields may call it by; its column is then called so. */
  readonly aliases?: readonly string[];
  readonly type: 'integer' | 'address' | 'text';
  /** Times are Unix times. A text in nanoseconds is a number that JSON and `long` indexes cannot hold. */
  readonly unit?: 'packets' | 'bytes' | 'seconds' | 'microseconds' | 'nanoseconds';
  readonly meaning: string;
  /** The version of flowlogd that first recorded it. */
  readonly since: string;
}

/** What the fields of the source `evidence` are learnt from, in the order in which it is asked: each leaves what is known already. */
export const ANNOTATION_SOURCES = ['packet-filter', 'conntrack', 'regions', 'addresses', 'conversation'] as const;
export type AnnotationSource = (typeof ANNOTATION_SOURCES)[number];

/**
 * `key`: the same in all packets of the record; `counted`: grows with each packet; `window`: of the capture window;
 * `configured`; `constant`: configured, because the host cannot know it; `evidence`: learnt beside the packets.
 */
type FieldSource =
  | {
      readonly source: 'key' | 'counted' | 'window' | 'configured';
      readonly evidence?: never;
      /** What becomes part of the flow key where a list names the field. */
      readonly extendsKey?: 'icmp';
      /** What is counted beside the rest where a list names the field. */
      readonly counts?: 'wire';
      readonly annotation?: never;
      readonly example?: never;
    }
  | {
      readonly source: 'constant';
      readonly evidence?: never;
      readonly extendsKey?: never;
      readonly counts?: never;
      readonly annotation?: never;
      /** A value, for the description of its option. */
      readonly example: string;
    }
  | {
      readonly source: 'evidence';
      readonly evidence: AnnotationSource;
      readonly annotation: Annotation;
      readonly extendsKey?: never;
      readonly counts?: never;
      readonly example?: never;
    };

/** Where the annotations of a record hold the value. */
export interface Annotation {
  readonly name: string;
  /** Number of its field in the message `Annotations` of `proto/flowlog.proto`; below 16, so that its tag is one byte. */
  readonly field: number;
  /**
   * `address`: four words, of which IPv4 uses the first; a list: one of these values, each at its number on the wire, the first
   * one of an unannotated record. What is 0, empty or the first of a list is not written.
   */
  readonly kind: 'text' | 'address' | 'port' | 'microseconds' | readonly string[];
}

/** The same field in other systems. */
interface FieldElsewhere {
  /** How CLS indexes it, where the type does not say: integers as `long`, all else as `text`. */
  readonly index?: 'text';
  /** The version of the embedded log service that first had a column for it; without one its values are in `other`. */
  readonly column?: string;
  /** IPFIX information elements (https://www.iana.org/assignments/ipfix), one for each family where they differ, IPv4 first. */
  readonly ipfix?: readonly InformationElement[];
  /** The attribute of OpenTelemetry's semantic conventions, or the one that collectors of flows use where these have none yet. */
  readonly otel?: string;
}

export interface InformationElement {
  readonly number: number;
  readonly name: string;
}

/** How CLS is to index a field. */
export function indexType({ type, index }: Pick<Field, 'type' | 'index'>): 'long' | 'text' {
  return index ?? (type === 'integer' ? 'long' : 'text');
}

/** The column of the embedded log service that holds it, where it has one. */
export function columnType(field: Pick<Field, 'type' | 'index'>): 'BIGINT' | 'VARCHAR' {
  return indexType(field) === 'long' ? 'BIGINT' : 'VARCHAR';
}

/** The attribute of a log record of OpenTelemetry. */
export function otelAttribute({ name, otel }: Pick<Field, 'name' | 'otel'>): string {
  return otel ?? `flowlogd.${name.replaceAll('-', '_')}`;
}
