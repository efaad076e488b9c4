/**
 * The block before everything in the files of open windows: what follows it, checked before a word of that is read.
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
 * The layout of everything in these files: this block, the snapshot of a ledger (ledger-snapshot.ts), the sketch of coarsened keys
 * (flow/key-sketch.ts), the slots (flow/key-layout.ts), and their places (window-file.ts). Raise it with any change of these, and with a new
 * reason of gaps; a new number of the ledger needs none, because the header of each window lists those it has. Windows with a higher number stay for the flowlogd that wrote them; of earlier layouts 4 and 3 (layout-3.ts) are read, and windows
 * of 1 and 2 go to the quarantine. The block itself has been the same in every layout.
 */
export const LAYOUT_VERSION = 5;
/** The same but for the tables of flow logs that say what is on the wire; those of others are still written in it. */
export const LAYOUT_WITHOUT_WIRE = 4;
const PRESENT_LAYOUTS: readonly number[] = [LAYOUT_WITHOUT_WIRE, LAYOUT_VERSION];

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
export function encodeHeader(value: object, layout = LAYOUT_VERSION): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const block = new Uint8Array(blockBytes(text.length));
  new Uint32Array(block.buffer, 0, 3).set([MAGIC, layout, text.length]);
  block.set(text, TEXT_AT);
  block.set(digestOf(block, text.length), DIGEST_AT);
  return block;
}

/** Of the block that begins with these bytes: whole pages; one where no block begins. */
export function headerBytes(prefix: Uint8Array): number {
  const [magic, , length = 0] = new Uint32Array(new Uint8Array(prefix.subarray(0, 12)).buffer);
  return magic === MAGIC ? blockBytes(Math.min(length, TEXT_BYTES_MAX)) : PAGE_BYTES;
}

function blockBytes(textBytes: number): number {
  return Math.ceil((TEXT_AT + textBytes) / PAGE_BYTES) * PAGE_BYTES;
}

/** @param file begins with the block */
export function decodeHeader(file: Uint8Array): FoundHeader {
  const prefix = file.subarray(0, TEXT_AT);
  if (prefix.every((byte) => byte === 0)) return { kind: 'blank' };
  if (file.length < PAGE_BYTES) return damaged('it is cut short');
  const [magic = 0, layout = 0, length = 0] = new Uint32Array(new Uint8Array(file.subarray(0, 12)).buffer);
  if (magic !== MAGIC) return damaged('it does not begin as a file of flowlogd on this kind of machine does');
  if (layout > LAYOUT_VERSION && !PRESENT_LAYOUTS.some((each) => isOfLayout(file, length, each)))
    return { kind: 'newer', layout };
  if (length > TEXT_BYTES_MAX || TEXT_AT + length > file.length) return damaged('its header is cut short');
  const digest = digestOf(file, length);
  if (!digest.every((byte, index) => byte === file[DIGEST_AT + index])) return damaged('its header is damaged');
  const text = new TextDecoder().decode(file.subarray(TEXT_AT, TEXT_AT + length));
  return { kind: 'header', value: JSON.parse(text), bytes: blockBytes(length), layout };
}

/** Whether its digest would be right with another layout in it. */
function isOfLayout(file: Uint8Array, length: number, layout: number): boolean {
  if (length > TEXT_BYTES_MAX) return false;
  const block = Uint8Array.from(file.subarray(0, TEXT_AT + length));
  new Uint32Array(block.buffer, 0, 2)[1] = layout;
  return digestOf(block, length).every((byte, index) => byte === file[DIGEST_AT + index]);
}

/** Whether what follows a header of this layout lies as window-file.ts draws it. */
export function isPresentLayout(layout: number): boolean {
  return PRESENT_LAYOUTS.includes(layout);
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
