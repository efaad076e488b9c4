import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { ADDED_COLUMNS } from '../model/fields.ts';
import { Refusal } from '../model/refusal.ts';
import { serviceOn } from './lock-holder.ts';
import { OtherKeys } from './other-keys.ts';
import { openError } from './store.ts';
import { storedTopics, type Topic } from './topics.ts';

/** What a search has to know of a store that no service has; nothing of it is changed. */
export interface StoppedStore {
  readonly path: string;
  readonly topic: Topic;
  /** Keys of the topic without a column. */
  readonly otherKeys: readonly string[];
}

const READ_ONLY = { access_mode: 'READ_ONLY', threads: '1', memory_limit: '256MB' } as const;

/**
 * @param topicId empty for the first one
 * @throws StoreError where it cannot be opened
 */
export async function readStopped(folder: string, topicId: string): Promise<StoppedStore | Refusal> {
  const path = join(folder, 'logs.duckdb');
  const topics = storedTopics(join(folder, 'topics.json'));
  const topic = topicId === '' ? topics[0] : topics.find(({ id }) => id === topicId);
  if (topic === undefined) {
    const known = topics.map(({ id }) => id).join(', ');
    return new Refusal(
      'TopicNotExist',
      `The store ${folder} has no topic '${topicId.slice(0, 100)}'; it has ${known || 'none'}.`,
    );
  }
  const connection = await connect(folder, path);
  try {
    const columns = new Set((await connection.runAndReadAll('SELECT * FROM logs LIMIT 0')).columnNames());
    if (ADDED_COLUMNS.some(({ name }) => !columns.has(name))) return olderStore(folder);
    const keys = await connection.runAndReadAll('SELECT topic, key FROM other_keys WHERE topic = $1', [topic.id]);
    const otherKeys = new OtherKeys(keys.getRows() as [string, string][]);
    return { path, topic, otherKeys: [...otherKeys.of(topic.id)] };
  } finally {
    connection.closeSync();
  }
}

async function connect(folder: string, path: string): Promise<DuckDBConnection> {
  try {
    const instance = await DuckDBInstance.create(path, READ_ONLY);
    const connection = await instance.connect();
    // The connection holds the database.
    instance.closeSync();
    return connection;
  } catch (error) {
    throw openError(folder, path, error as Error);
  }
}

/** Undefined where no service that this process can see has the store. */
export function inUse(folder: string): Refusal | undefined {
  const pid = serviceOn(join(folder, 'logs.duckdb'));
  if (pid === undefined) return undefined;
  return new Refusal(
    'QueryError',
    `The store ${folder} is in use by process ${pid}, a log service that does not answer. It may be starting or stopping: try again, ` +
      'or restart it.',
  );
}

function olderStore(folder: string): Refusal {
  return new Refusal(
    'QueryError',
    `The store ${folder} was written by an earlier flowlogd, and lacks columns. Start its log service once, which adds them: ` +
      `flowlogd logservice --store ${folder}`,
  );
}
