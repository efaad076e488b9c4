import { existsSync, readFileSync } from 'node:fs';
import { StoreError } from '../model/store-error.ts';
import { writeDurably } from './durable-file.ts';

/** A topic as it is kept in `topics.json`. */
export interface Topic {
  readonly id: string;
  /** Without an index logs are stored and cannot be searched; what was stored meanwhile stays so when it is switched on. */
  readonly index: boolean;
  /** Collection switched off: uploads are refused. */
  readonly closed: boolean;
}

/** What a start may ask for: `--topic ID[,index=on|off][,closed|open]`; what it leaves out stays as it is. */
export interface TopicRequest {
  readonly id: string;
  readonly index?: boolean;
  readonly closed?: boolean;
}

export const TOPICS_MAX = 100;
export const DEFAULT_TOPIC = 'flowlog';

/** Undefined when the text is no topic option. */
export function parseTopicRequest(text: string): TopicRequest | undefined {
  const [id = '', ...words] = text.split(',');
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(id)) return undefined;
  let request: TopicRequest = { id };
  for (const word of words) {
    if (word === 'index=on' || word === 'index=off') request = { ...request, index: word === 'index=on' };
    else if (word === 'closed' || word === 'open') request = { ...request, closed: word === 'closed' };
    else return undefined;
  }
  return request;
}

/** Reads the topics, adds and changes what the start asks for, and writes them back if that made a difference. */
export function loadTopics(path: string, requests: readonly TopicRequest[]): ReadonlyMap<string, Topic> {
  const before = storedTopics(path);
  const topics = new Map(before.map((topic) => [topic.id, topic]));
  for (const request of requests) {
    const known = topics.get(request.id) ?? { id: request.id, index: true, closed: false };
    topics.set(request.id, { ...known, ...request });
  }
  if (topics.size === 0) topics.set(DEFAULT_TOPIC, { id: DEFAULT_TOPIC, index: true, closed: false });
  if (topics.size > TOPICS_MAX) {
    throw new StoreError('failed', `The store would have ${topics.size} topics, and ${TOPICS_MAX} is the most.`);
  }
  const after = [...topics.values()];
  if (JSON.stringify(after) !== JSON.stringify(before)) {
    writeDurably(path, `${JSON.stringify({ topics: after }, null, 2)}\n`, 0o600);
  }
  return topics;
}

/** Those of a store as it is. */
export function storedTopics(path: string): readonly Topic[] {
  return existsSync(path) ? readTopics(path) : [];
}

function readTopics(path: string): readonly Topic[] {
  try {
    const { topics } = JSON.parse(readFileSync(path, 'utf8')) as { topics: readonly Topic[] };
    return topics.map(({ id, index, closed }) => {
      if (typeof id !== 'string' || typeof index !== 'boolean' || typeof closed !== 'boolean') throw new Error(id);
      return { id, index, closed };
    });
  } catch (error) {
    throw new StoreError('damaged', `Reading the topics of the log service from ${path}: the file is damaged.`, error);
  }
}
