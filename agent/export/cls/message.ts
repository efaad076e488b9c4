/**
 * The messages of `proto/cls.proto`, field by field, for what is written once a batch or once in a process: templates, the
 * rows that stand for a whole window, the end of a group. The rows of flows are written by `cls-log-group.ts`.
 *
 *     LogGroupList = 0a length LogGroup
 *     LogGroup     = Log* contextFlow(12) filename(1a) source(22) LogTag(2a)*
 *     Log          = 0a length  08 time  Content*
 *     Content      = 12 length  0a length key  12 length value
 */

/** Keys and values in their order. */
export type Contents = readonly (readonly [key: string, value: string])[];

export interface LogGroupEnd {
  readonly contextFlow: string;
  readonly filename: string;
  readonly source: string;
  readonly tags: Contents;
}

/** A number of 0 to 2^53 in groups of seven bits. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** A length-delimited field. */
export function delimited(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(tag), varint(length), ...parts]);
}

function text(tag: number, value: string): Uint8Array {
  return delimited(tag, Buffer.from(value));
}

/** The time of a log: int64, so the time before 1970 (a strange savefile) is ten bytes of two's complement. */
export function timeField(milliseconds: number): Uint8Array {
  if (milliseconds >= 0) return Buffer.concat([Uint8Array.of(0x08), varint(milliseconds)]);
  const bytes = [0x08];
  let rest = BigInt.asUintN(64, BigInt(milliseconds));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

export function contentFields(contents: Contents): Uint8Array {
  return Buffer.concat(contents.map(([key, value]) => delimited(0x12, text(0x0a, key), text(0x12, value))));
}

/** One log as a field of its group. */
export function logField(milliseconds: number, contents: Contents): Uint8Array {
  return delimited(0x0a, timeField(milliseconds), contentFields(contents));
}

/** What follows the logs of a group. */
export function groupEnd({ contextFlow, filename, source, tags }: LogGroupEnd): Uint8Array {
  return Buffer.concat([
    contextFlow === '' ? new Uint8Array(0) : text(0x12, contextFlow),
    text(0x1a, filename),
    text(0x22, source),
    ...tags.map(([key, value]) => delimited(0x2a, text(0x0a, key), text(0x12, value))),
  ]);
}

/** UTF-8 bytes of all values, which is what the service's limits count. */
export function valueBytes(contents: Contents): number {
  return contents.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0);
}

/** The service indexes keys of these characters only. */
export function indexable(name: string): string {
  return name.replace(/[^A-Za-z0-9_\-./@]/g, '_');
}
