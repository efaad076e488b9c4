/** Searches the store of a log service that is stopped: the program of the service reads it in place, and answers as a service does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { logServiceEntry } from '../daemon/embedded-service.ts';
import { OperationalError } from '../model/operational-error.ts';

/**
 * @param question as `POST /search` takes it
 * @throws OperationalError where the program cannot be run, or cannot open the store
 */
export async function searchStopped(storeFolder: string, question: object, signal?: AbortSignal): Promise<string> {
  const words = [logServiceEntry(), '--store', storeFolder, '--search'];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  const end = (): void => void child.kill('SIGTERM');
  signal?.addEventListener('abort', end, { once: true });
  try {
    // It may have ended before it read.
    child.stdin.on('error', () => undefined);
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const [answer, complaint] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    if (answer !== '') return answer;
    throw new OperationalError('logservice.unreachable', complaintOf(complaint));
  } finally {
    signal?.removeEventListener('abort', end);
    child.stdin.end();
  }
}

/** Without the name of the program, which the sentence of this one begins with as well. */
function complaintOf(stderr: string): string {
  return stderr.trim().replace(/^flowlogd logservice: /, '') || 'Reading the store of the log service failed.';
}
