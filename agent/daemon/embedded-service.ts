/** The embedded log service as a child process: its own room, which the agent only knows over HTTP. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { OperationalError } from '../model/operational-error.ts';

export interface EmbeddedService {
  readonly url: URL;
  readonly storeFolder: string;
  readonly topicId: string;
  readonly credentials: { readonly secretId: string; readonly secretKey: string };
  /** Finishes what is under way and ends the process. */
  stop(): Promise<void>;
}

const TOPIC_ID = 'flowlog';
const STOP_MS = 10_000;

/**
 * Starts it and waits until it listens. It runs in a process group of its own, so that Ctrl-C does not end it before the last
 * window has arrived, and ends by itself when its standard input does, so that it never outlives the agent.
 *
 * @throws OperationalError `logservice.unreachable`
 */
export async function startEmbeddedService(storeFolder: string): Promise<EmbeddedService> {
  const entry = fileURLToPath(new URL('../../logservice/main.js', import.meta.url));
  const child = spawn(process.execPath, [entry, '--store', storeFolder, '--topic', TOPIC_ID, '--until-stdin-ends'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>,
    exited.then(() => [undefined] as const),
  ]);
  if (line === undefined) {
    throw new OperationalError(
      'logservice.unreachable',
      `Starting the embedded log service in ${storeFolder} failed; the line above says why.`,
    );
  }
  const { url } = JSON.parse(line) as { readonly url: string };
  return {
    url: new URL(url),
    storeFolder,
    topicId: TOPIC_ID,
    credentials: JSON.parse(readFileSync(join(storeFolder, 'credentials.json'), 'utf8')),
    async stop() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
