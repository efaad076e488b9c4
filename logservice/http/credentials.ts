import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { StoreError } from '../model/store-error.ts';
import { writeDurably } from '../store/durable-file.ts';
import type { Credentials } from './signature.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function randomText(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

/**
 * The one key of this service: made at the first start, in a file that only its owner reads. Whoever reads the file may write
 * and search logs. To change the key, stop the service, delete the file and start again.
 */
export function loadCredentials(path: string): Credentials {
  if (!existsSync(path)) {
    // 62^32: more than the 160 bits that HMAC-SHA1 makes of it.
    const made: Credentials = { secretId: `AKID${randomText(32)}`, secretKey: randomText(32) };
    writeDurably(path, `${JSON.stringify(made, null, 2)}\n`, 0o600);
    return made;
  }
  const { secretId, secretKey } = readJson(path);
  // The id stands in a header between & and =.
  if (typeof secretId !== 'string' || !/^[A-Za-z0-9_.-]{1,128}$/.test(secretId)) throw damaged(path);
  if (typeof secretKey !== 'string' || secretKey === '') throw damaged(path);
  return { secretId, secretKey };
}

function readJson(path: string): Partial<Record<keyof Credentials, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw damaged(path, error);
  }
  throw damaged(path);
}

function damaged(path: string, cause?: unknown): StoreError {
  return new StoreError(
    'damaged',
    `Reading the key of the log service from ${path}: it is not {"secretId": "...", "secretKey": "..."}; ` +
      'repair it, or delete it to get a new key.',
    cause,
  );
}
