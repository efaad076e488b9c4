/**
 * Who is asked for findings: the log service that `query` and `analyse` search too, or, where the agent ships elsewhere, the agent itself
 * over its control socket. Both answer the same paths with the same JSON.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { askAgent, operateAgent, refusalIn } from './agent-client.ts';
import { namedAgent } from './agent-options.ts';
import { DEFAULT_STORE_FOLDER, LogServiceClient, type ServiceQuestion } from './logservice-client.ts';
import { serviceOf } from './running-store.ts';

export type Answered = Readonly<Record<string, unknown>>;

export interface FindingsAsker {
  /** @throws OperationalError */
  ask(question: ServiceQuestion): Promise<Answered>;
  /** The log service that has the records behind a finding; undefined where they are elsewhere. */
  readonly store: LogServiceClient | undefined;
}

/** @throws OperationalError */
export async function findingsAsker(invocation: Invocation): Promise<FindingsAsker> {
  const agent = namesStore(invocation) ? undefined : await shippingElsewhere(invocation);
  if (agent !== undefined) return { ask: (question) => askSocket(agent, question), store: undefined };
  const store = new LogServiceClient(await serviceOf('findings', invocation), Date.now);
  return { ask: (question) => store.ask(question), store };
}

function namesStore(invocation: Invocation): boolean {
  if (invocation.has('store') || invocation.has('url')) return true;
  const namesAgent = ['socket', 'state-directory', 'config'].some((name) => invocation.has(name));
  return !namesAgent && existsSync(join(DEFAULT_STORE_FOLDER, 'service.json'));
}

/** The socket of the agent that runs, where it has no log service of its own. */
async function shippingElsewhere(invocation: Invocation): Promise<string | undefined> {
  const { socketPaths, stateDirectory } = await namedAgent(invocation);
  try {
    const { socketPath, status } = await askAgent(socketPaths, stateDirectory);
    return status.logService === null ? socketPath : undefined;
  } catch (error) {
    const isAway = error instanceof OperationalError && error.code === 'agent.unreachable';
    if (!isAway || invocation.has('socket')) throw error;
    return undefined;
  }
}

async function askSocket(socketPath: string, { method, path, parameters, body }: ServiceQuestion): Promise<Answered> {
  const search = new URLSearchParams(parameters).toString();
  const { code, text } = await operateAgent(socketPath, method, `${path}${search === '' ? '' : `?${search}`}`, body);
  if (code === 200) return JSON.parse(text) as Answered;
  throw refusalIn(text) ?? new OperationalError('agent.unreachable', `The agent at ${socketPath} answered ${code}.`);
}
