/** What an error of the disk means for a batch, and what to do about it. */
import { OperationalError } from '../../model/operational-error.ts';
import type { SendOutcome } from '../../model/sink.ts';
import { isSystemError } from '../../model/system-error.ts';

export type FileRefusal = Extract<SendOutcome, { kind: 'retry' | 'blocked' }>;

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

/** @throws an error that is none of the disk: a bug */
export function refusalOf(error: unknown, folder: string): FileRefusal {
  if (error instanceof OperationalError) return { kind: 'blocked', reason: error.message };
  if (!isSystemError(error)) throw error;
  const { code } = error;
  if (FULL.has(code)) {
    const what = code === 'ENOSPC' ? 'no space left on the disk' : 'the disk quota is used up';
    return { kind: 'retry', reason: `${code}: ${what} of ${folder}: remove files that were shipped, or make room` };
  }
  const advice = adviceFor(code, folder);
  if (advice !== undefined) return { kind: 'blocked', reason: `${code}: ${advice}` };
  return { kind: 'retry', reason: `${code}: writing to ${folder} failed: ${error.message}` };
}

function adviceFor(code: string, folder: string): string | undefined {
  if (FORBIDDEN.has(code)) return `${user()} lacks the right to write to ${folder}: chown it to that user; ${UNIT}`;
  if (code === 'EROFS') return `${folder} is on a read-only file system: ${UNIT}`;
  if (code === 'ENOTDIR' || code === 'ELOOP') return `${folder} is no folder, or a part of its path is none`;
  return undefined;
}

const UNIT = 'under systemd also name it in ReadWritePaths= of the unit; then restart flowlogd';

function user(): string {
  return `the user of flowlogd (${process.geteuid?.() ?? '?'})`;
}
