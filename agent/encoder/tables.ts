/** What the encoder looks up: digits, runs of zero groups in IPv6 addresses, names of annotations. */
import { ANNOTATIONS, type FieldName } from '../../schema/fields.ts';
import { fieldNamed } from '../record/catalogue.ts';
import { DIRECTION_NAMES } from '../record/otel-attributes.ts';
import { protocolName } from '../record/protocol-name.ts';
import * as layout from './layout.ts';

export function writeTables(memory: Uint8Array): void {
  writePairs(memory);
  writeOctets(memory);
  writeRuns(memory);
  for (const [list, name] of LISTS) writeNames(memory, list, name);
  for (let place = 0; place < layout.NAMES_IN_LIST; place++) {
    writeName(memory, entryOf(layout.DIRECTION_NAMES, place), DIRECTION_NAMES[place]);
  }
  for (let protocol = 0; protocol < 256; protocol++) {
    writeName(memory, layout.PROTOCOLS + protocol * layout.NAME_BYTES, protocolName(protocol).toLowerCase());
  }
}

function writePairs(memory: Uint8Array): void {
  for (let n = 0; n < 100; n++) memory.set(ascii(String(n).padStart(2, '0')), layout.PAIRS + 2 * n);
}

function writeOctets(memory: Uint8Array): void {
  for (let octet = 0; octet < 256; octet++) {
    const text = `${octet}.`;
    memory.set(ascii(text), layout.OCTETS + 4 * octet);
    memory[layout.OCTET_BYTES + octet] = text.length;
  }
}

/** The first of the longest runs of at least two zero groups (RFC 5952, section 4.2). */
function writeRuns(memory: Uint8Array): void {
  for (let mask = 0; mask < 256; mask++) {
    const groups = mask.toString(2).padStart(8, '0');
    const longest = [8, 7, 6, 5, 4, 3, 2].find((length) => groups.includes('1'.repeat(length)));
    memory[layout.RUN_START + mask] = longest === undefined ? 8 : groups.indexOf('1'.repeat(longest));
    memory[layout.RUN_LENGTH + mask] = longest ?? 0;
  }
}

const LISTS = [
  [layout.ACTIONS, 'action'],
  [layout.DIRECTIONS, 'direction'],
  [layout.INITIATORS, 'initiator'],
  [layout.EVIDENCES, 'initiator-evidence'],
  [layout.TRANSLATIONS, 'translation'],
] as const satisfies readonly (readonly [number, FieldName])[];

/** The first name of a list is that of records without annotations, and may be written as nothing. */
function writeNames(memory: Uint8Array, list: number, fieldName: FieldName): void {
  const field = fieldNamed(fieldName)!;
  const { kind } = ANNOTATIONS.find(({ field: number }) => number === field.annotation?.field)!;
  for (let place = 0; place < layout.NAMES_IN_LIST; place++) {
    writeName(memory, entryOf(list, place), place === 0 ? field.unannotated : kind[place]);
  }
}

function entryOf(list: number, place: number): number {
  return layout.NAMES + (list * layout.NAMES_IN_LIST + place) * layout.NAME_BYTES;
}

/** Undefined is a value that has no name here. */
function writeName(memory: Uint8Array, entry: number, name: string | undefined): void {
  memory[entry] = name?.length ?? layout.NO_NAME;
  memory.set(ascii(name ?? ''), entry + 1);
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
