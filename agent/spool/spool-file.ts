/**
 * One spool file: one encoded batch with what is needed to trust it again. Numbers are little endian.
 *
 *     0          8          12             16              32
 *     | magic    | version  | payloadBytes | digest        | payload: proto/flowlog.proto FlowBatch ...
 *     | FLOWSPL\n| uint32 1 | uint32       | 16 bytes      |
 *
 * `digest` is the first half of the SHA-256 of bytes 0 to 16 and the payload. Not CRC-32: `node:zlib` has that from Node
 * 20.15 on only, and SHA-256 comes with every Node, in machine code that is faster than any disk.
 */
import { createHash } from 'node:crypto';

const MAGIC = Uint8Array.from(Buffer.from('FLOWSPL\n', 'latin1'));
const VERSION = 1;
const DIGEST_AT = 16;
export const SPOOL_HEADER_BYTES = 32;

/** The header that goes before `payload`. */
export function spoolHeader(payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(SPOOL_HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, payload.length, true);
  header.set(digestOf(header, payload), DIGEST_AT);
  return header;
}

export type SpoolFileContent =
  | { readonly kind: 'whole'; readonly payload: Uint8Array }
  | { readonly kind: 'damaged'; readonly reason: string };

/** Never throws: any bytes are whole or damaged. */
export function readSpoolFile(bytes: Uint8Array): SpoolFileContent {
  if (bytes.length < SPOOL_HEADER_BYTES) return damaged(`it has ${bytes.length} bytes, too few for a header`);
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) return damaged('it does not begin as a spool file does');
  const view = new DataView(bytes.buffer, bytes.byteOffset, SPOOL_HEADER_BYTES);
  const version = view.getUint32(8, true);
  if (version !== VERSION) return damaged(`its version is ${version}, this flowlogd reads ${VERSION}`);
  const payloadBytes = view.getUint32(12, true);
  const payload = bytes.subarray(SPOOL_HEADER_BYTES);
  if (payload.length !== payloadBytes) {
    return damaged(`it should hold ${payloadBytes} bytes of payload and holds ${payload.length}`);
  }
  const digest = digestOf(bytes, payload);
  if (digest.some((byte, index) => bytes[DIGEST_AT + index] !== byte)) return damaged('its digest does not match');
  return { kind: 'whole', payload };
}

function damaged(reason: string): SpoolFileContent {
  return { kind: 'damaged', reason };
}

function digestOf(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(header.subarray(0, DIGEST_AT)).update(payload);
  return hash.digest().subarray(0, SPOOL_HEADER_BYTES - DIGEST_AT);
}
