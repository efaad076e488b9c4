/** What differs between two loads of the configuration. */
import { isDeepStrictEqual } from 'node:util';
import type { Loaded } from './load.ts';
import { siblingOf } from './named-files.ts';

/** The paths of the options with another value, in the order of the table; a secret also for what its file holds. */
export function changedOptions(before: Loaded, after: Loaded): readonly string[] {
  const then = new Map(before.settings.map(({ path, value }) => [path, value]));
  const now = new Map(after.settings.map(({ path, value }) => [path, value]));
  const paths = [...new Set([...now.keys(), ...then.keys()])].filter(
    (path) => !isDeepStrictEqual(then.get(path), now.get(path)),
  );
  return [...paths, ...changedFiles(before, after).filter((path) => !paths.includes(path))];
}

/** A key or a certificate that was replaced in the file that holds it: by the option that has the value, else the file. */
function changedFiles(before: Loaded, after: Loaded): string[] {
  const changed = [...after.texts].filter(([path, text]) => before.texts.has(path) && before.texts.get(path) !== text);
  return changed.map(([path]) => {
    const holds = after.settings.find((setting) => setting.path === path)?.content?.holds;
    return holds === undefined ? path : siblingOf(path, holds.name);
  });
}
