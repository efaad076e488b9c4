import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StoreError } from '../model/store-error.ts';

/** Sticky, and open to all. */
const SHARED = 0o1002;
/** The kernel follows no more. */
const LINKS_MAX = 40;

/**
 * The folder or link on the way to a path that belongs to another user and lies where all users make folders, such as /tmp: that
 * user could put anything in place of what the service keeps there. Undefined where there is none.
 */
export function foreignOnTheWay(path: string): { readonly path: string; readonly user: number } | undefined {
  for (const way of placesOf(path)) {
    const found = existing(() => lstatSync(way));
    if (found !== undefined && isForeign(found) && isShared(dirname(way))) return { path: way, user: found.uid };
  }
  return undefined;
}

/** @throws StoreError where another user could put anything in place of the store */
export function refuseForeign(folder: string): void {
  const foreign = foreignOnTheWay(folder);
  if (foreign === undefined) return;
  const { path, user } = foreign;
  throw new StoreError(
    'cannot-create',
    `Opening the store ${folder} failed: ${path} is owned by user ${user}, in a folder that all users share; remove it, or name ` +
      'another folder with --store.',
  );
}

function isForeign({ uid }: Stats): boolean {
  return uid !== process.geteuid!() && uid !== 0;
}

function isShared(folder: string): boolean {
  return ((existing(() => statSync(folder))?.mode ?? 0) & SHARED) === SHARED;
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
