/**
 * One spool file: one encoded batch with what is needed to trust it again. Numbers are little endian.
 *
 *     0          8          12             16           20             36            52
 *     | magic    | version  | payloadBytes | labelBytes | label digest | rest digest | payload: label, rest
 *     | FLOWSPL\n| uint32 2 | uint32       | uint32     | 16 bytes     | 16 bytes    |
 *
 * The payload is a batch of `proto/flowlog.proto` and begins with its label (`wire/flow-batch.ts`): what has to be said of it
 * when its records are lost. `label digest` is of bytes 0 to 20 and the label, so the label can be trusted, and read alone,
 * whatever became of the rest; `rest digest` is of the label digest and the rest. Both are the first half of a SHA-256. Not
 * CRC-32: `node:zlib` has that from Node 20.15 on only, and SHA-256 comes with every Node, in machine code that is faster
 * than any disk.
 *
 * Version 1, which earlier versions of flowlogd left behind, is read, too: `payloadBytes` and one digest, of bytes 0 to 16
 * and the payload, and then the payload at 32. A higher version is a newer flowlogd's: nothing behind the version is believed.
 */
import { createHash } from 'node:crypto';
import { labelBytes } from '../wire/flow-batch-reader.ts';

const MAGIC = Uint8Array.from(Buffer.from('FLOWSPL\n', 'latin1'));
const VERSION = 2;
const LABEL_DIGEST_AT = 20;
const REST_DIGEST_AT = 36;
const DIGEST_BYTES = 16;
export const SPOOL_HEADER_BYTES = 52;
/** No batch of ours is a tenth as large; what is larger is not read into memory. */
export const FILE_BYTES_MAX = 64 * 1024 ** 2;

const VERSION_1 = 1;
const VERSION_1_DIGEST_AT = 16;
const VERSION_1_HEADER_BYTES = 32;

/** The header that goes before a payload of which so many bytes are the label. */
export function spoolHeader(payload: Uint8Array, labelBytes: number): Uint8Array {
  const header = new Uint8Array(SPOOL_HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, payload.length, true);
  view.setUint32(16, labelBytes, true);
  header.set(digestOf(header.subarray(0, LABEL_DIGEST_AT), payload.subarray(0, labelBytes)), LABEL_DIGEST_AT);
  header.set(restDigest(header, payload.subarray(labelBytes)), REST_DIGEST_AT);
  return header;
}

/** The file of a batch, piece by piece. */
export function spoolFile(batch: Uint8Array): readonly Uint8Array[] {
  return [spoolHeader(batch, labelBytes(batch)), batch];
}

export type SpoolFileContent =
  | { readonly kind: 'whole'; readonly payload: Uint8Array }
  /** Whether it is whole, only that version knows. */
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'damaged'; readonly reason: string };

/** Never throws: any bytes are whole, newer or damaged. */
export function readSpoolFile(bytes: Uint8Array): SpoolFileContent {
  const opening = readOpening(bytes);
  if (opening.kind === 'newer') return isOfOwnVersion(bytes) ? damaged('its version was changed') : opening;
  if (opening.kind === 'damaged') return opening;
  const { version, payloadBytes, headerBytes } = opening;
  const payload = bytes.subarray(headerBytes);
  if (payload.length !== payloadBytes) {
    return damaged(`it should hold ${payloadBytes} bytes of payload and holds ${payload.length}`);
  }
  const isWhole =
    version === VERSION_1
      ? isAt(bytes, VERSION_1_DIGEST_AT, digestOf(bytes.subarray(0, VERSION_1_DIGEST_AT), payload))
      : hasLabel(bytes) && isAt(bytes, REST_DIGEST_AT, restDigest(bytes, bytes.subarray(labelEnd(bytes))));
  return isWhole ? { kind: 'whole', payload } : damaged('its digest does not match');
}

/** How many bytes of a file have to be read for `readLabel`, as its header says. */
export function labelEndOf(header: Uint8Array): number {
  const opening = readOpening(header);
  return opening.kind === 'opened' && opening.version === VERSION ? labelEnd(header) : FILE_BYTES_MAX;
}

/**
 * What has to be said of a batch whose records are lost, as a batch: its label, or, of version 1, the whole. Undefined where
 * that is damaged.
 */
export function readLabel(bytes: Uint8Array): Uint8Array | undefined {
  const opening = readOpening(bytes);
  if (opening.kind === 'opened' && opening.version === VERSION) {
    return hasLabel(bytes) ? bytes.subarray(SPOOL_HEADER_BYTES, labelEnd(bytes)) : undefined;
  }
  const found = readSpoolFile(bytes);
  return found.kind === 'whole' ? found.payload : undefined;
}

interface Opening {
  readonly kind: 'opened';
  readonly version: number;
  readonly payloadBytes: number;
  readonly headerBytes: number;
}

function readOpening(bytes: Uint8Array): Opening | Exclude<SpoolFileContent, { kind: 'whole' }> {
  if (bytes.length < VERSION_1_HEADER_BYTES) return damaged(`it has ${bytes.length} bytes, too few for a header`);
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) return damaged('it does not begin as a spool file does');
  const view = viewOf(bytes);
  const version = view.getUint32(8, true);
  if (version < VERSION_1) return damaged(`its version is ${version}, and the first one is ${VERSION_1}`);
  if (version > VERSION) return { kind: 'newer', version };
  const headerBytes = version === VERSION_1 ? VERSION_1_HEADER_BYTES : SPOOL_HEADER_BYTES;
  if (bytes.length < headerBytes) return damaged(`it has ${bytes.length} bytes, too few for a header`);
  return { kind: 'opened', version, payloadBytes: view.getUint32(12, true), headerBytes };
}

/** Whether it would be whole with a version in its header that is read here. */
function isOfOwnVersion(bytes: Uint8Array): boolean {
  const other = Uint8Array.from(bytes);
  return [VERSION, VERSION_1].some((version) => {
    viewOf(other).setUint32(8, version, true);
    return readSpoolFile(other).kind === 'whole';
  });
}

function damaged(reason: string): { readonly kind: 'damaged'; readonly reason: string } {
  return { kind: 'damaged', reason };
}

function labelEnd(bytes: Uint8Array): number {
  return SPOOL_HEADER_BYTES + viewOf(bytes).getUint32(16, true);
}

function hasLabel(bytes: Uint8Array): boolean {
  const end = labelEnd(bytes);
  const label = bytes.subarray(SPOOL_HEADER_BYTES, end);
  return bytes.length >= end && isAt(bytes, LABEL_DIGEST_AT, digestOf(bytes.subarray(0, LABEL_DIGEST_AT), label));
}

function restDigest(header: Uint8Array, rest: Uint8Array): Uint8Array {
  return digestOf(header.subarray(LABEL_DIGEST_AT, REST_DIGEST_AT), rest);
}

function digestOf(before: Uint8Array, content: Uint8Array): Uint8Array {
  return createHash('sha256').update(before).update(content).digest().subarray(0, DIGEST_BYTES);
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  return expected.every((byte, index) => bytes[at + index] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
