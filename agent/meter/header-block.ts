/**
 * The block at the head (or tail) of every file under `tables/`: what the file is, checked before a word of it is believed.
 *
 *     0   magic     uint32, in the machine's byte order: a file from the other kind of machine has another magic
 *     4   layout    uint32, LAYOUT_VERSION
 *     8   length    uint32, bytes of the text
 *     12  -         0
 *     16  digest    half a SHA-256 of bytes 0..15 and the text
 *     32  text      JSON, then zeros up to the next multiple of a page
 */
import { createHash } from 'node:crypto';

export const PAGE_BYTES = 4096;

/**
 * The layout of everything in these files: this block, the notes of a ledger (ledger-notes.ts), the sketch of coarsened keys
 * (flow/key-sketch.ts) and the slots (flow/key-layout.ts). Raise it with any change of these, and with a new reason of gaps:
 * windows with a lower number are set aside, those with a higher one stay for the flowlogd that wrote them. The block itself and
 * the words of observed-until.ts have been the same in every layout.
 */
export const LAYOUT_VERSION = 3;

const MAGIC = 0x464c_4f57;
const TEXT_AT = 32;
const DIGEST_AT = 16;
/** Identifiers and rule names take some hundred bytes; a length beyond this is damage. */
const TEXT_BYTES_MAX = 1024 * 1024;

export type FoundHeader =
  | {
      readonly kind: 'header';
      readonly value: unknown;
      /** Of the block, whole pages. */
      readonly bytes: number;
      /** `LAYOUT_VERSION` or one before it. */
      readonly layout: number;
    }
  /** Nothing behind its number can be believed by this version. */
  | { readonly kind: 'newer'; readonly layout: number }
  /** Nothing was written here yet: its writer died before. */
  | { readonly kind: 'blank' }
  | { readonly kind: 'damaged'; readonly reason: string };

/** @param value goes through JSON and comes back as `FoundHeader.value` */
export function encodeHeader(value: object): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const block = new Uint8Array(Math.ceil((TEXT_AT + text.length) / PAGE_BYTES) * PAGE_BYTES);
  new Uint32Array(block.buffer, 0, 3).set([MAGIC, LAYOUT_VERSION, text.length]);
  block.set(text, TEXT_AT);
  block.set(digestOf(block, text.length), DIGEST_AT);
  return block;
}

/** @param file begins with the block */
export function decodeHeader(file: Uint8Array): FoundHeader {
  const prefix = file.subarray(0, TEXT_AT);
  if (prefix.every((byte) => byte === 0)) return { kind: 'blank' };
  if (file.length < PAGE_BYTES) return damaged('it is cut short');
  const [magic = 0, layout = 0, length = 0] = new Uint32Array(new Uint8Array(file.subarray(0, 12)).buffer);
  if (magic !== MAGIC) return damaged('it does not begin as a file of flowlogd on this kind of machine does');
  if (layout > LAYOUT_VERSION && !isOfLayout(file, length, LAYOUT_VERSION)) return { kind: 'newer', layout };
  if (length > TEXT_BYTES_MAX || TEXT_AT + length > file.length) return damaged('its header is cut short');
  const digest = digestOf(file, length);
  if (!digest.every((byte, index) => byte === file[DIGEST_AT + index])) return damaged('its header is damaged');
  const text = new TextDecoder().decode(file.subarray(TEXT_AT, TEXT_AT + length));
  const bytes = Math.ceil((TEXT_AT + length) / PAGE_BYTES) * PAGE_BYTES;
  return { kind: 'header', value: JSON.parse(text), bytes, layout };
}

/** Whether its digest would be right with another layout in it. */
function isOfLayout(file: Uint8Array, length: number, layout: number): boolean {
  if (length > TEXT_BYTES_MAX) return false;
  const block = Uint8Array.from(file.subarray(0, TEXT_AT + length));
  new Uint32Array(block.buffer, 0, 2)[1] = layout;
  return digestOf(block, length).every((byte, index) => byte === file[DIGEST_AT + index]);
}

function digestOf(block: Uint8Array, length: number): Uint8Array {
  const hash = createHash('sha256').update(block.subarray(0, DIGEST_AT));
  return hash
    .update(block.subarray(TEXT_AT, TEXT_AT + length))
    .digest()
    .subarray(0, TEXT_AT - DIGEST_AT);
}

function damaged(reason: string): FoundHeader {
  return { kind: 'damaged', reason };
}
