import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { Refusal } from '../model/refusal.ts';
import { decodeLz4Block } from './lz4-block.ts';

/** What a body may be before compression, in bytes (614/87660: 6 MB; the larger reading, so that no upload is refused for a unit). */
export const BODY_BYTES_MAX = 6 * 1024 * 1024;

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;
const inflateRaw: Inflate = promisify(zlib.inflateRaw);
/** Node has it from 22.15 on; the types of the oldest supported Node do not know it. */
const zstd = (zlib as unknown as { zstdDecompress?: Parameters<typeof promisify>[0] }).zstdDecompress;
const zstdDecompress = zstd === undefined ? undefined : (promisify(zstd) as unknown as Inflate);

/** Undoes what `x-cls-compress-type` says; never answers more than `BODY_BYTES_MAX` bytes. */
export async function decompress(type: string | undefined, body: Uint8Array): Promise<Uint8Array | Refusal> {
  switch (type?.toLowerCase() ?? '') {
    case '':
      return body.length > BODY_BYTES_MAX ? tooLarge() : body;
    case 'lz4': {
      const decoded = decodeLz4Block(body, BODY_BYTES_MAX);
      if (decoded === 'too-large') return tooLarge();
      return decoded === 'malformed' ? undecodable('one raw LZ4 block') : decoded;
    }
    case 'deflate':
      return inflated(inflateRaw, body, 'raw deflate');
    case 'zstd':
      if (zstdDecompress !== undefined) return inflated(zstdDecompress, body, 'a zstd frame');
      return new Refusal(
        'InvalidCompressType',
        `This service runs on Node ${process.versions.node}, which has no zstd (Node has it from 22.15 on); use lz4 or deflate.`,
      );
    default:
      return new Refusal('InvalidCompressType', 'x-cls-compress-type may be absent, lz4, zstd or deflate.');
  }
}

async function inflated(inflate: Inflate, body: Uint8Array, what: string): Promise<Uint8Array | Refusal> {
  try {
    return await inflate(body, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    return (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : undecodable(what);
  }
}

export function tooLarge(): Refusal {
  return new Refusal('LogSizeExceed', `The body is larger than ${BODY_BYTES_MAX} bytes before compression.`);
}

function undecodable(what: string): Refusal {
  return new Refusal('InvalidContent', `The body is not ${what}, although x-cls-compress-type says so.`);
}
