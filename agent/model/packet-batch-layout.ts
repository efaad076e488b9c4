/**
 * Where the parts of a record stand (packet-batch.ts). The kernel in WebAssembly compiles this file, too: it holds nothing but
 * numbers.
 */
export const SECONDS = 0;
export const NANOSECONDS = 8;
export const CAPTURED_LENGTH = 12;
export const WIRE_LENGTH = 16;
export const FRAME = 20;
/** Of a record that its frame follows. */
export const SEGMENTATION = 20;
export const RECORD_HEADER_BYTES = 24;
