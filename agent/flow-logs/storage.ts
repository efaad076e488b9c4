/**
 * Where the records of a flow log are stored is part of what never changes: a sink may come beside the others and gets them from
 * then on, and one may go as long as another of them stays, but none stores elsewhere under the same name. The embedded log
 * service lies in the state directory, as the registry does, so it is one place; what is one place of another service says its kind
 * of sink.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Storage, Storages } from '../model/storage.ts';
import type { Definition, FlowLogEntry } from './flow-log-entry.ts';

export function isSameStorage(left: Storage, right: Storage): boolean {
  return isDeepStrictEqual(left, right);
}

/** For sentences. */
export function describeStorage({ service, topicId }: Storage): string {
  return topicId === undefined ? 'embedded log service' : `topic ${topicId} of ${service}`;
}

/** Those of a flow log: of the sinks that it names, or of all. */
export function storagesOf(definition: Definition, all: Storages): Storages {
  const { sinks: named } = definition;
  if (!Array.isArray(named)) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => named.includes(name)));
}

/** What of an existing flow log would be stored elsewhere, for a sentence; undefined when nothing is. */
export function movedStorage(
  entry: Pick<FlowLogEntry, 'definition' | 'storage' | 'storages'>,
  all: Storages,
): string | undefined {
  const wanted = storagesOf(entry.definition, all);
  const known = Object.entries(entry.storages ?? {});
  const stored = [...(entry.storage === undefined ? [] : [entry.storage]), ...known.map(([, storage]) => storage)];
  const isKept = Object.values(wanted).some((storage) => stored.some((each) => isSameStorage(each, storage)));
  if (stored.length > 0 && !isKept) {
    return `storage (${describeStorage(stored[0]!)} -> ${Object.values(wanted).map(describeStorage).join(', ') || 'none'})`;
  }
  const moved = known.find(([name, storage]) => wanted[name] !== undefined && !isSameStorage(storage, wanted[name]));
  if (moved === undefined) return undefined;
  const [name, storage] = moved;
  return `storage of the sink ${name} (${describeStorage(storage)} -> ${describeStorage(wanted[name]!)})`;
}

/** Whether a flow log that is stored in the ones could not be stored in the others. */
export function areMoved(before: Storages, after: Storages): boolean {
  return movedStorage({ definition: {}, storages: before }, after) !== undefined;
}

/** The entry with the storages that it has from now on. A flowlogd of one sink reads the first alone. */
export function withStorages(entry: FlowLogEntry, all: Storages): FlowLogEntry {
  const storages = storagesOf(entry.definition, all);
  const each = Object.values(storages);
  const storage = each.find((one) => entry.storage !== undefined && isSameStorage(one, entry.storage)) ?? each[0];
  const isKnown = isDeepStrictEqual(entry.storages, storages) && isDeepStrictEqual(entry.storage, storage);
  return isKnown || storage === undefined ? entry : { ...entry, storage, storages };
}
