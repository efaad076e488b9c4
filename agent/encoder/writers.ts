/** Which writers of values (`record/`) the encoder has, too. */
import type { FieldName } from '../../schema/fields.ts';
import { fieldNamed } from '../record/catalogue.ts';
import type { WriteValue } from '../record/field-text.ts';
import { ATTRIBUTE_WRITERS } from '../record/otel-attributes.ts';
import * as layout from './layout.ts';

const WRITERS = [
  ['srcaddr', layout.SOURCE],
  ['dstaddr', layout.DESTINATION],
  ['srcport', layout.SOURCE_PORT],
  ['dstport', layout.DESTINATION_PORT],
  ['protocol', layout.PROTOCOL],
  ['packets', layout.PACKETS],
  ['bytes', layout.BYTES],
  ['tcp-flags', layout.TCP_FLAGS],
  ['first', layout.FIRST_SECOND],
  ['last', layout.LAST_SECOND],
  ['start-ns', layout.FIRST_NANOSECOND],
  ['end-ns', layout.LAST_NANOSECOND],
  ['type', layout.FAMILY],
  ['wire-packets', layout.WIRE_PACKETS],
  ['wire-bytes', layout.WIRE_BYTES],
  ['icmp-type', layout.ICMP_TYPE],
  ['icmp-code', layout.ICMP_CODE],
  ['action', layout.ACTION],
  ['direction', layout.DIRECTION],
  ['initiator', layout.INITIATOR],
  ['initiator-evidence', layout.EVIDENCE],
  ['translation', layout.TRANSLATION],
  ['reject-rule', layout.REJECT_RULE],
  ['srcregionid', layout.SOURCE_REGION],
  ['dstregionid', layout.DESTINATION_REGION],
  ['handshake-rtt', layout.HANDSHAKE],
  ['pkt-srcaddr', layout.TRANSLATED_SOURCE],
  ['pkt-dstaddr', layout.TRANSLATED_DESTINATION],
  ['pkt-srcport', layout.TRANSLATED_SOURCE_PORT],
  ['pkt-dstport', layout.TRANSLATED_DESTINATION_PORT],
] as const satisfies readonly (readonly [FieldName, number])[];

const CCN_WRITERS = [
  ['srcport', layout.SOURCE_PORT_WHERE_ANY],
  ['dstport', layout.DESTINATION_PORT_WHERE_ANY],
  ['start', layout.FIRST_SECOND],
  ['end', layout.LAST_SECOND],
] as const;

const BY_WRITE: ReadonlyMap<WriteValue | undefined, number> = new Map([
  ...WRITERS.map(([name, writer]) => [fieldNamed(name)?.write, writer] as const),
  ...CCN_WRITERS.map(([name, writer]) => [fieldNamed(name, 'CCN')?.write, writer] as const),
  [ATTRIBUTE_WRITERS.protocol, layout.PROTOCOL_NAME],
  [ATTRIBUTE_WRITERS.type, layout.FAMILY_NAME],
  [ATTRIBUTE_WRITERS.direction, layout.DIRECTION_NAME],
]);

/** Its number in layout.ts; undefined where only TypeScript writes such a value. */
export function writerOf(write: WriteValue | undefined): number | undefined {
  return BY_WRITE.get(write);
}
