/** Asks a running agent over its control socket. */
import { request } from 'node:http';
import { type ErrorCode, OperationalError } from '../model/operational-error.ts';
import { type AgentStatus, STATUS_SCHEMA } from '../telemetry/agent-status.ts';

/** The agent answers from memory; one that takes longer is in trouble itself. */
const ANSWER_TIMEOUT_MS = 5000;
/** A change waits for a round of the data plane. */
const OPERATION_TIMEOUT_MS = 30_000;
/** 64 interfaces with ten windows each are a megabyte. */
const ANSWER_BYTES_MAX = 16 * 1024 ** 2;

export interface AnsweredStatus {
  readonly socketPath: string;
  readonly status: AgentStatus;
}

/**
 * The status of the first agent that answers.
 *
 * @param stateDirectory when given, only an agent with its state there counts: other agents may use the same runtime folder.
 * @throws OperationalError `agent.unreachable`
 */
export async function askAgent(
  socketPaths: readonly string[],
  stateDirectory: string | undefined,
): Promise<AnsweredStatus> {
  const failures: string[] = [];
  for (const socketPath of socketPaths) {
    try {
      const status = parseStatus(await getText(socketPath, '/status'));
      if (stateDirectory === undefined || status.agent.stateDirectory === stateDirectory) return { socketPath, status };
      failures.push(`the agent at ${socketPath} uses state directory ${status.agent.stateDirectory}`);
    } catch (error) {
      failures.push(describeFailure(socketPath, error as NodeJS.ErrnoException));
    }
  }
  throw new OperationalError(
    'agent.unreachable',
    `No running flowlogd found: ${[...new Set(failures)].join('; ')}. Start it, or locate it with --socket or --state-directory.`,
  );
}

/** What an agent answered to a change. */
export interface Answer {
  readonly code: number;
  readonly text: string;
}

/** Asks for something that is not only read. @throws OperationalError `agent.unreachable` */
export async function operateAgent(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  try {
    return await exchange(socketPath, { method, path, body, timeoutMs: OPERATION_TIMEOUT_MS });
  } catch (error) {
    const failure = describeFailure(socketPath, error as NodeJS.ErrnoException);
    throw new OperationalError('agent.unreachable', `Request to flowlogd failed: ${failure}.`, error);
  }
}

async function getText(socketPath: string, path: string): Promise<string> {
  const { code, text } = await exchange(socketPath, { method: 'GET', path, timeoutMs: ANSWER_TIMEOUT_MS });
  if (code !== 200) throw new Error(`answer ${code}`);
  return text;
}

interface Request {
  readonly method: string;
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly timeoutMs: number;
}

function exchange(socketPath: string, { method, path, body, timeoutMs }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'flowlogd' };
    const asking = request({ socketPath, method, path, headers, timeout: timeoutMs, agent: false });
    asking.on('error', reject);
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    asking.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) asking.destroy(new Error('answer too long'));
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parseStatus(text: string): AgentStatus {
  const status = JSON.parse(text) as AgentStatus;
  if (status.schema !== STATUS_SCHEMA) throw new Error('unsupported status schema: another version of flowlogd');
  return status;
}

function describeFailure(socketPath: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return `${socketPath} does not exist`;
    case 'ECONNREFUSED':
      return `${socketPath} does not answer`;
    case 'EACCES':
    case 'EPERM':
      return `permission denied on ${socketPath}: run as root, or as the user or group of flowlogd`;
    default:
      return `${socketPath}: ${message}`;
  }
}

/** The agent's own error; undefined for an answer that is none. */
export function refusalIn(text: string): OperationalError | undefined {
  try {
    const { error } = JSON.parse(text) as { error: { code: ErrorCode; message: string } };
    return new OperationalError(error.code, error.message);
  } catch {
    return undefined;
  }
}
