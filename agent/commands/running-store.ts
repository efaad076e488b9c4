/** The log service that a command asks when none is named: that of the current folder, or of the running agent, as `status` finds it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation, OptionSpec } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { withoutPassword } from '../options/kinds.ts';
import { DEFAULT_STORE_FOLDER, type LogServiceLocation, locateLogService } from './logservice-client.ts';
import { runningStatus } from './running-agent.ts';

export const SERVICE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'store',
    value: 'DIR',
    description: `Folder of the log service store. Default: ${DEFAULT_STORE_FOLDER}, else that of the running agent.`,
  },
  {
    name: 'url',
    value: 'URL',
    description: 'URL of the log service. Default: read from the store, as the key always is.',
  },
];
export const STORE_OPTIONS: readonly OptionSpec[] = [
  ...SERVICE_OPTIONS,
  { name: 'topic', value: 'ID', description: 'Topic to search. Default: the first one of the service.' },
];

/** @throws OperationalError */
export function namedLogService(command: string, invocation: Invocation): Promise<LogServiceLocation> {
  return serviceOf(command, invocation, invocation.string('topic'));
}

/** Of a command with `SERVICE_OPTIONS` alone. @throws OperationalError */
export async function serviceOf(
  command: string,
  invocation: Invocation,
  topicId?: string,
): Promise<LogServiceLocation> {
  const url = invocation.string('url');
  return locateLogService(invocation.string('store') ?? (await runningStore(invocation)), {
    url: url === undefined ? undefined : parseUrl(command, url),
    topicId,
  });
}

async function runningStore({ env }: Invocation): Promise<string> {
  if (existsSync(join(DEFAULT_STORE_FOLDER, 'service.json'))) return DEFAULT_STORE_FOLDER;
  const status = await runningStatus(env);
  return status?.logService?.storeFolder ?? DEFAULT_STORE_FOLDER;
}

function parseUrl(command: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === '') return url;
  throw new OperationalError(
    'usage.invalid',
    `${command}: invalid --url '${withoutPassword(text)}': expected a URL such as http://127.0.0.1:9514, without user`,
  );
}
