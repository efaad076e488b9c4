import { join } from 'node:path';
import { type AgentOptions, AgentProcess } from './agent-process.ts';
import { LogServiceProcess } from './log-service-process.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Every namespace has ports of its own. */
export const LOG_SERVICE_PORT = 9514;

export interface Observation {
  readonly service: LogServiceProcess;
  readonly agent: AgentProcess;
}

/** An agent in a namespace, not yet started, and a log service beside it. */
export async function observe(
  namespace: NetworkNamespace,
  options: Omit<AgentOptions, 'namespace' | 'folder' | 'service'>,
): Promise<Observation> {
  const folder = temporaryFolder();
  const service = new LogServiceProcess({ namespace, folder: join(folder, 'store'), port: LOG_SERVICE_PORT });
  await service.start();
  return { service, agent: new AgentProcess({ namespace, folder, service, ...options }) };
}
