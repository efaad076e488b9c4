import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** Of an answer after decoding: what is longer is no answer of a log service. */
const DECODED_BYTES_MAX = 262_144;

const DECODERS = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/**
 * A body: none is asked for in a content coding, but proxies compress without being asked. What cannot be decoded
 * stays as it is, and so is never taken for empty.
 */
export function decoded(bytes: Buffer, coding: string | undefined): Buffer {
  const decode = DECODERS.get(coding?.trim().toLowerCase() ?? '');
  if (decode === undefined || bytes.length === 0) return bytes;
  try {
    return decode(bytes, { maxOutputLength: DECODED_BYTES_MAX });
  } catch {
    return bytes;
  }
}
