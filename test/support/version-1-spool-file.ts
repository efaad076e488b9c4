import { createHash } from 'node:crypto';

/** A spool file as flowlogd wrote it before a batch had a label: one digest of everything. */
export function version1SpoolFile(payload: Uint8Array): Buffer {
  const start = Buffer.from('FLOWSPL\n\x01\0\0\0\0\0\0\0', 'latin1');
  start.writeUInt32LE(payload.length, 12);
  const digest = createHash('sha256').update(start).update(payload).digest();
  return Buffer.concat([start, digest.subarray(0, 16), payload]);
}
