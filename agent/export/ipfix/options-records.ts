/** Records of options (RFC 7011 section 3.4.2): each an element and its value, the scope first. Once a batch, so not hot. */
import { DATA_TYPES, type InformationElement, UNITS } from './information-element.ts';
import type { MessageWriter } from './message-writer.ts';
import { VARIABLE_LENGTH, writeUint8, writeUint16, writeUint32, writeUint64, writeVariable } from './octets.ts';
import { type Template, template } from './template.ts';

/** `false` is 2 and `true` 1, as RFC 7011 section 6.1.5 has them. */
export type Pair = readonly [element: InformationElement, value: number | boolean | string];

/** Texts are the user's; beyond this they are cut, so that a record fits a message. */
const TEXT_BYTES_MAX = 255;

/** IANA's, of scopes and statistics. */
export const STANDARD = {
  observationDomainId: { number: 149, length: 4 },
  observationDomainName: { number: 300, length: VARIABLE_LENGTH },
  interfaceName: { number: 82, length: VARIABLE_LENGTH },
  monitoringIntervalStart: { number: 359, length: 8 },
  monitoringIntervalEnd: { number: 360, length: 8 },
  exportedMessageTotalCount: { number: 41, length: 8 },
  exportedFlowRecordTotalCount: { number: 42, length: 8 },
  droppedPacketTotalCount: { number: 135, length: 8 },
  ignoredPacketTotalCount: { number: 164, length: 8 },
  ignoredOctetTotalCount: { number: 165, length: 8 },
  notSentPacketTotalCount: { number: 167, length: 8 },
  notSentOctetTotalCount: { number: 168, length: 8 },
  privateEnterpriseNumber: { number: 346, length: 4 },
  informationElementId: { number: 303, length: 2 },
  informationElementDataType: { number: 339, length: 1 },
  informationElementSemantics: { number: 344, length: 1 },
  informationElementUnits: { number: 345, length: 2 },
  informationElementName: { number: 341, length: VARIABLE_LENGTH },
} as const satisfies Readonly<Record<string, InformationElement>>;

/** RFC 5610 section 3.1: of a number that counts what came since the record before, and of anything else. */
const SEMANTICS = { default: 0, deltaCounter: 3 } as const;

/** Which template a kind of options record has, and how many of its first pairs are the scope. */
export interface OptionsKind {
  readonly id: number;
  readonly scopes: number;
}

/** Own elements are left out without an enterprise number. */
export function writeOptions(
  writer: MessageWriter,
  kind: OptionsKind,
  pairs: readonly Pair[],
  enterprise: number | undefined,
): void {
  const sent = pairs.filter(([{ own }]) => own === undefined || enterprise !== undefined);
  const announced = optionsTemplate(kind, sent, enterprise);
  const bytes = Buffer.concat(sent.map(([element, value]) => valueBytes(element, value)));
  writer.record(announced, bytes.length, (buffer, at) => {
    buffer.set(bytes, at);
    return at + bytes.length;
  });
}

export function optionsTemplate(
  { id, scopes }: OptionsKind,
  sent: readonly Pair[],
  enterprise: number | undefined,
): Template {
  return template(
    id,
    sent.map(([element]) => element),
    scopes,
    enterprise,
  );
}

/** What RFC 5610 has collectors know of an own element. */
export function typePairs({ number, own }: InformationElement, enterprise: number): readonly Pair[] {
  if (own === undefined) return [];
  const semantics = own.type === 'unsigned64' && own.unit !== 'microseconds' ? 'deltaCounter' : 'default';
  return [
    [STANDARD.privateEnterpriseNumber, enterprise],
    [STANDARD.informationElementId, number],
    [STANDARD.informationElementDataType, DATA_TYPES[own.type]],
    [STANDARD.informationElementSemantics, SEMANTICS[semantics]],
    [STANDARD.informationElementUnits, UNITS[own.unit]],
    [STANDARD.informationElementName, own.name],
  ];
}

function valueBytes({ length }: InformationElement, value: number | boolean | string): Uint8Array {
  if (typeof value === 'string') return textBytes(value);
  const number = typeof value === 'boolean' ? (value ? 1 : 2) : value;
  const bytes = new Uint8Array(length);
  if (length === 1) writeUint8(number, bytes, 0);
  else if (length === 2) writeUint16(number, bytes, 0);
  else if (length === 4) writeUint32(number, bytes, 0);
  else writeUint64(number, bytes, 0);
  return bytes;
}

/** Cut between two characters. */
function textBytes(text: string): Uint8Array {
  const whole = Buffer.from(text);
  let end = Math.min(whole.length, TEXT_BYTES_MAX);
  while (end < whole.length && (whole[end]! & 0xc0) === 0x80) end--;
  const bytes = new Uint8Array(end + (end > 254 ? 3 : 1));
  writeVariable(whole.subarray(0, end), bytes, 0);
  return bytes;
}
