/** Asks a running agent over its control socket. */
import { request } from 'node:http';
import { OperationalError } from '../model/operational-error.ts';
import { type AgentStatus, STATUS_SCHEMA } from '../telemetry/status.ts';

/** The agent answers from memory; one that takes longer is in trouble itself. */
const ANSWER_TIMEOUT_MS = 5000;
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
      const status = parseStatus(await get(socketPath, '/status'));
      if (stateDirectory === undefined || status.agent.stateDirectory === stateDirectory) return { socketPath, status };
      failures.push(`the agent at ${socketPath} has its state in ${status.agent.stateDirectory}`);
    } catch (error) {
      failures.push(describeFailure(socketPath, error as NodeJS.ErrnoException));
    }
  }
  throw new OperationalError(
    'agent.unreachable',
    `Asking flowlogd for its status: ${[...new Set(failures)].join('; ')}. Is it running? Name it with --socket or --state-directory.`,
  );
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({
      socketPath,
      path,
      headers: { host: 'flowlogd' },
      timeout: ANSWER_TIMEOUT_MS,
      agent: false,
    });
    asking.on('error', reject);
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)));
    asking.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) asking.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`it answers ${response.statusCode}`));
      });
    });
    asking.end();
  });
}

function parseStatus(text: string): AgentStatus {
  const status = JSON.parse(text) as AgentStatus;
  if (status.schema !== STATUS_SCHEMA)
    throw new Error('it is another version of flowlogd, whose status has other members');
  return status;
}

function describeFailure(socketPath: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return `there is no ${socketPath}`;
    case 'ECONNREFUSED':
      return `nobody answers at ${socketPath}`;
    case 'EACCES':
    case 'EPERM':
      return `${socketPath} is only for root and for the user and the group that run flowlogd`;
    default:
      return `asking at ${socketPath} failed: ${message}`;
  }
}
