import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../model/refusal.ts';

/** SHA-256 of the body as it is sent, in hexadecimal: once the signature covers it, no other body fits. */
export const DIGEST_HEADER = 'x-cls-content-sha256';

const ALGORITHM_OF = { 'content-md5': 'md5', [DIGEST_HEADER]: 'sha256' } as const;

/** Whether every digest that came with the body is of it. */
export function checkDigests(headers: IncomingHttpHeaders, body: Uint8Array): Refusal | undefined {
  for (const [name, algorithm] of Object.entries(ALGORITHM_OF)) {
    const sent = headers[name];
    if (sent === undefined) continue;
    const right = createHash(algorithm).update(body).digest('hex');
    if (typeof sent !== 'string' || sent.toLowerCase() !== right) {
      return new Refusal('InvalidContent', `The body is not the one that ${name} was made of.`);
    }
  }
  return undefined;
}
