/**
 * Where the records of a flow log are stored is part of what never changes. The embedded log service lies in the state
 * directory, as the registry does, so it is one place; what is one place of another service says its kind of sink.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Storage } from '../model/storage.ts';

export function isSameStorage(left: Storage, right: Storage): boolean {
  return isDeepStrictEqual(left, right);
}

/** For sentences. */
export function describeStorage({ service, topicId }: Storage): string {
  return topicId === undefined ? 'embedded log service' : `topic ${topicId} of ${service}`;
}
