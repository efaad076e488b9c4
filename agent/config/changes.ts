/** What differs between two loads of the configuration. */
import { isDeepStrictEqual } from 'node:util';
import type { Loaded } from './load.ts';

/**
 * The paths of the options with another value, in the order of the table. Not what the files hold that options name: sinks read
 * those again while they send.
 */
export function changedOptions(before: Loaded, after: Loaded): readonly string[] {
  const then = new Map(before.settings.map(({ path, value }) => [path, value]));
  const now = new Map(after.settings.map(({ path, value }) => [path, value]));
  return [...new Set([...now.keys(), ...then.keys()])].filter(
    (path) => !isDeepStrictEqual(then.get(path), now.get(path)),
  );
}
