/** One process of the embedded log service: a room of its own, which the agent only knows over HTTP. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { EMBEDDED_TOPIC_ID } from '../export/cls/options.ts';

const STOP_MS = 10_000;

export interface LogServiceRun {
  /** Where it listens; undefined when it ended before it did. */
  readonly ready: Promise<{ readonly url: string; readonly socketPath: string } | undefined>;
  /** Why it ended, a clause. */
  readonly ended: Promise<string>;
  /** Finishes what is under way and ends the process. */
  stop(): Promise<void>;
}

export function logServiceEntry(): string {
  return fileURLToPath(new URL('../../logservice/main.js', import.meta.url));
}

type Running = ChildProcessByStdio<Writable, Readable, Readable>;
type Child = Running | ChildProcess;

function hasStreams(child: Child): child is Running {
  return Boolean(child.stdin && child.stdout && child.stderr);
}

/**
 * Starts it. It runs in a process group of its own, so that Ctrl-C does not end it before the last window has arrived, and ends
 * by itself when its standard input does, so that it never outlives the agent.
 *
 * @param onLine told of each line that it has to say
 */
export function launchLogService(storeFolder: string, onLine: (line: string) => void): LogServiceRun {
  const words = [logServiceEntry(), '--store', storeFolder, '--topic', EMBEDDED_TOPIC_ID, '--until-stdin-ends'];
  const child: Child = spawn(process.execPath, words, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  let lastLine: string | undefined;
  const ended = once(child, 'close').then(
    ([code, signal]) => lastLine ?? (signal === null ? `exit code ${code}` : `terminated by ${signal}`),
    (error: Error) => error.message,
  );
  // Without a file descriptor left there is neither a process nor a stream of it.
  if (!hasStreams(child)) return { ready: ended.then(() => undefined), ended, stop: () => ended.then(() => undefined) };
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLine = line;
    onLine(line);
  });
  // It ends by itself: a pipe that breaks says no more than that.
  child.stdin.on('error', () => undefined);
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  return {
    ready: Promise.race([line.then(([text]) => JSON.parse(text)), ended.then(() => undefined)]),
    ended,
    async stop() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
