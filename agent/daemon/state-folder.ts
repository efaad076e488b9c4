/** Whose the state directory is, and who may write in it. */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isSharedFolder } from '../capture/output-file.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { Log } from '../telemetry/log.ts';

/** The kernel follows no more. */
const LINKS_MAX = 40;

/**
 * A folder under a shared one, such as /tmp, may be another user's, or lie behind another user's folder or link, who could then
 * put anything in place of what the agent keeps there.
 *
 * @throws OperationalError `spool.unusable`
 */
export function refuseForeignState(path: string): void {
  for (const way of placesOf(path)) {
    const found = existing(() => lstatSync(way));
    if (found === undefined || !isForeign(found) || !isSharedFolder(dirname(way))) continue;
    const what = way === resolve(path) && !found.isSymbolicLink() ? '' : `${way} is `;
    throw new OperationalError(
      'spool.unusable',
      `Opening the state directory ${path} failed: ${what}${found.isSymbolicLink() ? 'a link ' : ''}owned by user ${found.uid}, ` +
        'in a folder that all users share; remove it, or set stateDirectory to a folder that only flowlogd can write, such ' +
        'as /var/lib/flowlogd.',
    );
  }
}

/** It is left as it is: a folder that all users may write may be another program's. */
export function warnOfOpenState(path: string, log: Log): void {
  const found = existing(() => statSync(path));
  if (found === undefined || (found.mode & 0o002) === 0) return;
  const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
  log.warn(
    `state directory ${path} is world-writable (mode ${mode}): every user can replace what is in it; run chmod 750 ${path}`,
  );
}

/** Neither this user's nor root's. */
export function isForeign({ uid }: Stats): boolean {
  return uid !== process.geteuid!() && uid !== 0;
}

/** Every folder and link that the path leads through, by their real names, also where what a link names is not there yet. */
function placesOf(path: string): readonly string[] {
  const places: string[] = [];
  let links = 0;
  const walk = (way: string): string => {
    if (dirname(way) === way) return way;
    const folder = walk(dirname(way));
    const place = join(folder, basename(way));
    places.push(place);
    const target = links < LINKS_MAX ? existing(() => readlinkSync(place)) : undefined;
    if (target === undefined) return place;
    links++;
    return walk(resolve(folder, target));
  };
  walk(resolve(path));
  return places;
}

/** Undefined for what is not there, or cannot be: who opens it says why. */
function existing<Found>(look: () => Found): Found | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
