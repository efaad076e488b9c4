/** `flowlogd run` without a configuration file. */
import { resolve } from 'node:path';
import type { Loaded } from '../config/load.ts';

/** The state, below the current folder; its log service keeps its store in there. */
export const EMBEDDED_FOLDER = '.flowlogd';

/** In the current folder, and as root where root started it there, unless the environment says otherwise. */
export function embedded(loaded: Loaded): Loaded {
  const { configuration, settings } = loaded;
  const isStateGiven = settings.some(({ path, origin }) => path === 'stateDirectory' && origin.from === 'environment');
  const stateDirectory = isStateGiven ? configuration.stateDirectory : resolve(EMBEDDED_FOLDER);
  return { ...loaded, configuration: { ...configuration, stateDirectory, user: configuration.user ?? 'root' } };
}
