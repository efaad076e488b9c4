import type { IncomingMessage } from 'node:http';
import type { Refusal } from '../model/refusal.ts';
import { BODY_BYTES_MAX, tooLarge } from '../upload/compression.ts';

/** What may come over the wire: compression of what cannot be compressed makes it slightly longer. */
export const WIRE_BYTES_MAX = BODY_BYTES_MAX + 64 * 1024;

/** After a refusal this much more is read and forgotten, so that the client reads the answer instead of a broken connection. */
const DRAIN_BYTES_MAX = 2 * WIRE_BYTES_MAX;

/** Reads a whole body; never holds more than `bytesMax`. Rejects when the client breaks off. */
export async function readBody(
  request: IncomingMessage,
  bytesMax: number = WIRE_BYTES_MAX,
): Promise<Uint8Array | Refusal> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) return tooLarge();
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (result: Uint8Array | Refusal): void => {
      request.off('data', onData);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bytesMax) settle(tooLarge());
      else chunks.push(chunk);
    };
    request.on('data', onData);
    request.once('end', () => settle(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the client broke off')));
  });
}

/** Reads what is left of a body and forgets it, up to a limit; then, or when the client ends, it is done. */
export function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    request.on('error', () => resolve());
    request.on('end', resolve);
    request.on('close', resolve);
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DRAIN_BYTES_MAX) resolve();
    });
    request.resume();
  });
}
