/** What the annotations of a record are written with: where they stand in a record, how long they may be, fields of each kind. */
import { ANNOTATIONS } from '../../schema/fields.ts';
import { ANNOTATION_TEXT_BYTES_MAX } from '../model/annotations.ts';
import { newer } from './protobuf-reader.ts';
import { writeAddress as writeAddressField, writeVarint14 } from './protobuf-writer.ts';

/** Their field in a record. */
export const ANNOTATIONS_TAG = 0x5a;

/** Each with its tag, and length where it has one; a list is below 2^7, a port below 2^16. */
const FIELD_BYTES_MAX = {
  list: 2,
  port: 4,
  microseconds: 9,
  address: 18,
  text: 3 + ANNOTATION_TEXT_BYTES_MAX,
} as const;

/** Of the message, its own tag and length included. */
export const ANNOTATIONS_BYTES_MAX = ANNOTATIONS.reduce(
  (sum, { kind }) => sum + FIELD_BYTES_MAX[typeof kind === 'string' ? kind : 'list'],
  3,
);

const UTF8 = new TextEncoder();

/** A text that is too long is cut, at a whole character. */
export function writeText(tag: number, text: string, buffer: Uint8Array, at: number): number {
  if (text === '') return at;
  const room = buffer.subarray(at + 3, at + 3 + ANNOTATION_TEXT_BYTES_MAX);
  const { written } = UTF8.encodeInto(text, room);
  buffer[at] = tag;
  writeVarint14(written, buffer, at + 1);
  return at + 3 + written;
}

/** An address of the record's family; one of zeros is none. */
export function writeAddress(
  tag: number,
  family: 4 | 6,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  buffer: Uint8Array,
  at: number,
): number {
  if ((word0 | word1 | word2 | word3) === 0) return at;
  return writeAddressField(tag, family, word0, word1, word2, word3, buffer, at);
}

/** A value that a newer version gave must not be taken for another. */
export function named<Name extends string>(names: readonly Name[], number: number): Name {
  const name = names[number];
  if (name === undefined) throw newer(`value ${number} of an annotation`);
  return name;
}
