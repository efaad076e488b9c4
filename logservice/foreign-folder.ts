import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Sticky, and open to all. */
const SHARED = 0o1002;

/**
 * The folder or link on the way to a path that belongs to another user and lies where all users make folders, such as /tmp: that
 * user could put anything in place of what the service keeps there. Undefined where there is none.
 */
export function foreignOnTheWay(path: string): { readonly path: string; readonly user: number } | undefined {
  const real = existing(() => realpathSync(path));
  for (const way of [resolve(path), ...(real === undefined ? [] : [real])].flatMap(upwards)) {
    const found = existing(() => lstatSync(way));
    if (found !== undefined && isForeign(found) && isShared(dirname(way))) return { path: way, user: found.uid };
  }
  return undefined;
}

function isForeign({ uid }: Stats): boolean {
  return uid !== process.geteuid!() && uid !== 0;
}

function isShared(folder: string): boolean {
  return ((existing(() => statSync(folder))?.mode ?? 0) & SHARED) === SHARED;
}

function upwards(path: string): string[] {
  return dirname(path) === path ? [] : [path, ...upwards(dirname(path))];
}

/** Undefined for what is not there, or cannot be: who opens it says why. */
function existing<Found>(look: () => Found): Found | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
