/**
 * The registry on disk: one JSON file in the state directory,
 *
 *     {"schema": 1, "sha256": checksum of the JSON text of flowLogs, "flowLogs": [FlowLogEntry ...]}
 *
 * A new version is written beside the old one, made durable, and takes its name in one step; whatever is cut short leaves
 * the old one. A file that is corrupt is never written over: it is quarantined under another name; one of a newer
 * flowlogd ends the start. Members of an entry that this version does not know stay with it.
 */
import { createHash } from 'node:crypto';
import { OperationalError } from '../model/operational-error.ts';
import { isSystemError } from '../model/system-error.ts';
import type { Attributes, FlowLogEntry } from './flow-log-entry.ts';
import type { Entries } from './registry.ts';

export const REGISTRY_FILE = 'flow-logs.json';
const SCHEMA = 1;

/** The part of the file system that it takes; every operation may throw what `node:fs` throws. */
export interface RegistryDisk {
  makeFolder(path: string): void;
  /** Creates a file that must not exist and has its content on the disk at return. */
  create(path: string, pieces: readonly Uint8Array[]): void;
  rename(from: string, to: string): void;
  syncFolder(folder: string): void;
  unlink(path: string): void;
  readNow(path: string): Uint8Array;
}

export type ReadRegistry =
  | { readonly kind: 'entries'; readonly entries: Entries }
  | { readonly kind: 'damaged'; readonly reason: string };

/** What the folder has; no file is an empty registry. @throws OperationalError `registry.unusable`, `registry.newer` */
export function readRegistry(disk: RegistryDisk, folder: string): ReadRegistry {
  const path = `${folder}/${REGISTRY_FILE}`;
  let bytes: Uint8Array;
  try {
    bytes = disk.readNow(path);
  } catch (error) {
    if (isGone(error)) return { kind: 'entries', entries: [] };
    throw unusable('Reading', path, (error as Error).message, error);
  }
  return parse(Buffer.from(bytes).toString('utf8'), path);
}

/** @throws OperationalError `registry.unusable`: the disk has the old or the new one then */
export function writeRegistry(disk: RegistryDisk, folder: string, entries: Entries): void {
  const path = `${folder}/${REGISTRY_FILE}`;
  const fresh = `${path}.new`;
  const text = JSON.stringify(entries);
  const file = `{"schema":${SCHEMA},"sha256":"${checksum(text)}","flowLogs":${text}}\n`;
  try {
    disk.makeFolder(folder);
    removeIfThere(disk, fresh);
    disk.create(fresh, [Buffer.from(file)]);
    disk.rename(fresh, path);
    disk.syncFolder(folder);
  } catch (error) {
    throw isSystemError(error) ? unusable('Writing', path, error.message, error) : error;
  }
}

/** Moves a damaged registry out of the way; answers where it is now. @throws OperationalError `registry.unusable` */
export function setRegistryAside(disk: RegistryDisk, folder: string, nowSeconds: number): string {
  const path = `${folder}/${REGISTRY_FILE}`;
  const aside = `${path}.damaged-${nowSeconds}`;
  try {
    disk.rename(path, aside);
    disk.syncFolder(folder);
    return aside;
  } catch (error) {
    throw isSystemError(error) ? unusable('Setting aside', path, error.message, error) : error;
  }
}

function parse(text: string, path: string): ReadRegistry {
  let value: { schema?: unknown; sha256?: unknown; flowLogs?: unknown };
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'damaged', reason: 'not JSON' };
  }
  const { schema, sha256, flowLogs } = value ?? {};
  if (typeof schema === 'number' && schema > SCHEMA) {
    throw new OperationalError(
      'registry.newer',
      `Reading the flow logs of this host in ${path} failed: a newer flowlogd wrote it (schema ${schema}, this version reads ${SCHEMA}). ` +
        'Install that version again, or move the file away to recreate the flow logs of the configuration.',
    );
  }
  if (schema !== SCHEMA || !Array.isArray(flowLogs)) return { kind: 'damaged', reason: 'not a list of flow logs' };
  if (sha256 !== checksum(JSON.stringify(flowLogs))) return { kind: 'damaged', reason: 'wrong checksum' };
  return { kind: 'entries', entries: (flowLogs as readonly StoredEntry[]).map(entryOf) };
}

/** The first flowlogds with a registry wrote down the attributes alone of what the file declared. */
type StoredEntry = Omit<FlowLogEntry, 'declared'> & { readonly declared?: FlowLogEntry['declared'] | Attributes };

function entryOf({ declared, ...entry }: StoredEntry): FlowLogEntry {
  if (declared === undefined || 'attributes' in declared) return { ...entry, declared };
  return { ...entry, declared: { attributes: declared, definition: entry.definition } };
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function removeIfThere(disk: RegistryDisk, path: string): void {
  try {
    disk.unlink(path);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function unusable(doing: string, path: string, why: string, cause?: unknown): OperationalError {
  return new OperationalError(
    'registry.unusable',
    `${doing} the flow logs of this host in ${path} failed: ${why}.`,
    cause,
  );
}
