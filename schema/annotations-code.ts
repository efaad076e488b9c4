/**
 * The annotations of a record as code: their type in `agent/model/annotations.ts` and their codec in
 * `agent/wire/annotations.ts`. Both run for every annotated record, and a loop over the list that reads and writes members by
 * name takes a microsecond more for each; so the list is unrolled here, and a test holds both files to what this renders.
 */
import type { Annotation } from './field.ts';
import { ANNOTATIONS, FIELDS } from './fields.ts';

const RENDERED = 'Rendered from schema/fields.ts (`UPDATE_DOCS=1 npx vitest run test/schema`).';
const WORDS = [0, 1, 2, 3];

/** Its members, and what each has in an unannotated record. */
function membersOf({ name, kind }: Annotation): readonly (readonly [name: string, none: string])[] {
  if (kind === 'address') return WORDS.map((word) => [`${name}${word}`, '0']);
  if (typeof kind !== 'string') return [[name, quoted(kind[0]!)]];
  return [[name, kind === 'text' ? quoted('') : '0']];
}

const MEMBERS = ANNOTATIONS.flatMap(membersOf);

function typeOf({ name, kind }: Annotation): string {
  if (typeof kind !== 'string') return capitalized(name);
  return kind === 'text' ? 'string' : 'number';
}

/** Of the file `agent/model/annotations.ts`. */
export function typeCode(): string {
  const lists = ANNOTATIONS.filter(({ kind }) => typeof kind !== 'string');
  const interfaceLines = ANNOTATIONS.flatMap((row) => [
    `  /** Of the field \`${FIELDS.find((field) => field.annotation === row)!.name}\`. */`,
    ...membersOf(row).map(([member]) => `  ${member}: ${typeOf(row)};`),
  ]);
  return `/**
 * What is known of a flow beside what its packets say: from the packet filter, connection tracking, the region table, the
 * host's own addresses, the flow that answers it. Written when a window is closed, never in the packet path.
 *
 * ${RENDERED}
 */
export interface Annotations {
${interfaceLines.join('\n')}
}

${lists.map((row) => `export type ${typeOf(row)} = ${(row.kind as readonly string[]).map(quoted).join(' | ')};`).join('\n')}

/** The longest text, in UTF-8 bytes. */
export const ANNOTATION_TEXT_BYTES_MAX = 128;

export function createAnnotations(): Annotations {
  return {
${MEMBERS.map(([member, none]) => `    ${member}: ${none},`).join('\n')}
  };
}

/** Makes them those of a record of which nothing more is known. */
export function clearAnnotations(annotations: Annotations): void {
${MEMBERS.map(([member, none]) => `  annotations.${member} = ${none};`).join('\n')}
}
`;
}

/** Of the file `agent/wire/annotations.ts`. */
export function codecCode(): string {
  const lists = ANNOTATIONS.flatMap(({ name, kind }) => (typeof kind === 'string' ? [] : [[name, kind] as const]));
  const addresses = ANNOTATIONS.filter(({ kind }) => kind === 'address');
  return `/**
 * The annotations of a record as the message of that name in \`proto/flowlog.proto\`; what is zero or empty is left out.
 *
 * ${RENDERED}
 */
import type { Annotations } from '../model/annotations.ts';
import { named, writeAddress, writeText } from './annotation-fields.ts';
import type { ProtobufReader } from './protobuf-reader.ts';
import { writeCounter, writeSmall } from './protobuf-writer.ts';

${lists.map(([name, values]) => `const ${constant(name)} = [${values.map(quoted).join(', ')}] as const;`).join('\n')}

/** Writes the message's fields at \`at\` and answers their end. */
export function writeAnnotations(family: 4 | 6, of: Annotations, buffer: Uint8Array, at: number): number {
  let end = at;
${ANNOTATIONS.map((row) => `  end = ${writeCode(row)};`).join('\n')}
  return end;
}

/** @throws OperationalError \`spool.damaged\`, \`spool.newer\` */
export function readAnnotations(wire: ProtobufReader, into: Annotations): void {
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
${ANNOTATIONS.map((row, index) => `    ${index === 0 ? '' : 'else '}if (tag === ${tagOf(row)}) ${readCode(row)};`).join('\n')}
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
}
${addresses.map(({ name }) => readAddressCode(name)).join('')}`;
}

function writeCode(row: Annotation): string {
  const { name, kind } = row;
  const tag = tagOf(row);
  if (typeof kind !== 'string') return `writeSmall(${tag}, ${constant(name)}.indexOf(of.${name}), buffer, end)`;
  if (kind === 'text') return `writeText(${tag}, of.${name}, buffer, end)`;
  if (kind === 'port') return `writeSmall(${tag}, of.${name}, buffer, end)`;
  if (kind === 'microseconds') return `writeCounter(${tag}, of.${name} * 1000, buffer, end)`;
  const parameters = [tag, 'family', ...WORDS.map((word) => `of.${name}${word}`), 'buffer', 'end'];
  return `writeAddress(\n${parameters.map((each) => `    ${each},\n`).join('')}  )`;
}

function readCode({ name, kind }: Annotation): string {
  if (typeof kind !== 'string') return `into.${name} = named(${constant(name)}, wire.varint())`;
  if (kind === 'text') return `into.${name} = wire.text()`;
  if (kind === 'port') return `into.${name} = wire.bounded(0xffff)`;
  if (kind === 'microseconds') return `into.${name} = Math.floor(wire.varint() / 1000)`;
  return `read${capitalized(name)}(wire, into)`;
}

function readAddressCode(name: string): string {
  return `
function read${capitalized(name)}(wire: ProtobufReader, into: Annotations): void {
  const isIpv6 = wire.addressLength() === 16;
  into.${name}0 = wire.word();
${[1, 2, 3].map((word) => `  into.${name}${word} = isIpv6 ? wire.word() : 0;`).join('\n')}
}
`;
}

/** The field's number and the wire type: 2 length-delimited, 0 a varint. */
function tagOf({ field, kind }: Annotation): string {
  const tag = (field << 3) | (kind === 'text' || kind === 'address' ? 2 : 0);
  return `0x${tag.toString(16).padStart(2, '0')}`;
}

function quoted(text: string): string {
  return `'${text}'`;
}

function capitalized(name: string): string {
  return `${name[0]!.toUpperCase()}${name.slice(1)}`;
}

/** `initiatorEvidence` becomes `INITIATOR_EVIDENCE`. */
function constant(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
