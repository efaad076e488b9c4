/**
 * Fields as attributes of log records of OpenTelemetry. The conventions for flows are not settled, so the table has a version, which
 * each request names: a later one adds rows, and no row changes its meaning.
 */
import { otelAttribute } from '../../schema/field.ts';
import type { FieldName } from '../../schema/fields.ts';
import { template, writeBytes } from './ascii.ts';
import type { RecordField } from './catalogue.ts';
import type { Column } from './field-columns.ts';
import type { WriteValue } from './field-text.ts';
import { protocolName } from './protocol-name.ts';

export const ATTRIBUTES_VERSION = 1;

/** `otel`: the conventions as far as they go; `aws`: as the collector's decoder names the flow logs of AWS. */
export const ATTRIBUTE_NAMES = ['otel', 'aws'] as const;
export type AttributeNames = (typeof ATTRIBUTE_NAMES)[number];

/** What `aws` calls otherwise. */
const AWS_NAMES: Partial<Readonly<Record<FieldName, string>>> = {
  version: 'aws.vpc.flow.log.version',
  packets: 'aws.vpc.flow.packets',
  bytes: 'aws.vpc.flow.bytes',
  start: 'aws.vpc.flow.start',
  end: 'aws.vpc.flow.end',
  action: 'aws.vpc.flow.action',
  'log-status': 'aws.vpc.flow.status',
  protocol: 'network.protocol.name',
  'vpc-id': 'aws.vpc.id',
  'subnet-id': 'aws.vpc.subnet.id',
  'az-id': 'aws.az.id',
  'tcp-flags': 'network.tcp.flags',
};

const PROTOCOLS = Array.from({ length: 256 }, (_, protocol) => template(protocolName(protocol).toLowerCase()));
const IPV4 = template('ipv4');
const IPV6 = template('ipv6');
/** By the places of `direction` in the schema. */
export const DIRECTION_NAMES = ['', 'receive', 'transmit'] as const;
const RECEIVE = template(DIRECTION_NAMES[1]);
const TRANSMIT = template(DIRECTION_NAMES[2]);

/** Fields whose values the conventions write otherwise, as text. */
export const ATTRIBUTE_WRITERS = {
  protocol: ({ protocol }, _, buffer, at) => writeBytes(PROTOCOLS[protocol]!, buffer, at),
  type: ({ family }, _, buffer, at) => writeBytes(family === 4 ? IPV4 : IPV6, buffer, at),
  direction: ({ isAnnotated, annotations: { direction } }, _, buffer, at) =>
    isAnnotated && direction !== 'unknown' ? writeBytes(direction === 'ingress' ? RECEIVE : TRANSMIT, buffer, at) : at,
} satisfies Partial<Readonly<Record<FieldName, WriteValue>>>;

/** The columns under the names of their attributes, each once: a list may name a field twice, by its aliases. */
export function attributeColumns(columns: readonly Column[], names: AttributeNames): readonly Column[] {
  const byKey = new Map<string, Column>();
  for (const { field } of columns) {
    const label = attributeOf(field, names);
    if (!byKey.has(label)) byKey.set(label, { label, field: withValues(field) });
  }
  return [...byKey.values()];
}

export function attributeOf(field: RecordField, names: AttributeNames): string {
  const aws = names === 'aws' ? AWS_NAMES[field.name as FieldName] : undefined;
  return aws ?? otelAttribute(field);
}

/** Whether an attribute says something of the host or its cloud, so that it belongs to the resource. */
export function isOfResource(attribute: string): boolean {
  return /^(?:host|cloud)\./.test(attribute);
}

function withValues(field: RecordField): RecordField {
  const write: WriteValue | undefined = ATTRIBUTE_WRITERS[field.name as keyof typeof ATTRIBUTE_WRITERS];
  return write === undefined ? field : { ...field, type: 'text', write };
}
