/** The live feed of a running agent (control/live-followers.ts), object by object. */
import { type IncomingMessage, request } from 'node:http';
import { OperationalError } from '../model/operational-error.ts';

/** Nothing that an agent sends in one line is longer. */
const LINE_BYTES_MAX = 1024 * 1024;
/** An agent has a step every second. */
const SILENCE_MS = 15_000;

export type FeedObject = Readonly<Record<string, unknown>>;

/** Ends with the feed. @throws OperationalError `agent.unreachable` */
export async function* liveFeed(socketPath: string, signal: AbortSignal): AsyncGenerator<FeedObject> {
  const response = await asked(socketPath, signal);
  let rest = '';
  for await (const text of response.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    if (rest.length > LINE_BYTES_MAX) throw unreachable(socketPath, 'its answer is not that of flowlogd');
    for (const line of lines) yield objectIn(line, socketPath);
  }
}

function asked(socketPath: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'flowlogd' };
    const asking = request({ socketPath, path: '/observe', headers, timeout: SILENCE_MS, agent: false, signal });
    asking.on('error', (error) => reject(unreachable(socketPath, error.message, error)));
    asking.on('timeout', () => asking.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
    asking.on('response', (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.resume();
      const why =
        response.statusCode === 503
          ? 'all places of followers are taken. End another flowlogd observe -f'
          : `it answers ${response.statusCode}: a flowlogd without observe. Restart it with this version`;
      reject(unreachable(socketPath, why));
    });
    asking.end();
  });
}

function objectIn(line: string, socketPath: string): FeedObject {
  try {
    return JSON.parse(line) as FeedObject;
  } catch (error) {
    throw unreachable(socketPath, 'its answer is not that of flowlogd', error);
  }
}

function unreachable(socketPath: string, why: string, cause?: unknown): OperationalError {
  return new OperationalError('agent.unreachable', `Following flowlogd at ${socketPath} failed: ${why}.`, cause);
}
