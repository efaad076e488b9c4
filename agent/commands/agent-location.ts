/** Where the control socket of an agent may be. */
import { join, resolve } from 'node:path';
import { CONTROL_SOCKET, controlSocketPath } from '../control/control-socket.ts';
import { EMBEDDED_FOLDER } from './embedded-folder.ts';
import { loadOnHost } from './host-configuration.ts';

/** Where systemd makes the folder of the unit (RuntimeDirectory=flowlogd); only units know it by its variable. */
const SYSTEM_RUNTIME_FOLDER = '/run/flowlogd';

/** What a user said of the agent. */
export interface NamedAgent {
  readonly config?: string | undefined;
  readonly stateDirectory?: string | undefined;
}

/** The sockets to try in this order, whose state they must have, and where state is without an agent. */
export function locateAgent(
  named: NamedAgent,
  env: Readonly<Record<string, string | undefined>>,
): { readonly socketPaths: readonly string[]; readonly stateDirectory: string | undefined; readonly state: string } {
  const state = resolve(named.stateDirectory ?? loadOnHost(named.config, env, false).configuration.stateDirectory);
  const isNamed = named.config !== undefined || named.stateDirectory !== undefined;
  const embedded = isNamed ? [] : [join(resolve(EMBEDDED_FOLDER), CONTROL_SOCKET)];
  const runtime = [controlSocketPath(state, env), join(SYSTEM_RUNTIME_FOLDER, CONTROL_SOCKET)];
  return {
    socketPaths: [...new Set([...embedded, ...runtime, join(state, CONTROL_SOCKET)])],
    stateDirectory: isNamed ? state : undefined,
    state,
  };
}
