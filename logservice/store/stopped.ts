import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { ADDED_COLUMNS, OTHER_KEYS_MAX } from '../model/fields.ts';
import { Refusal } from '../model/refusal.ts';
import { StoreError } from '../model/store-error.ts';
import { serviceOn } from './lock-holder.ts';
import { OtherKeys } from './other-keys.ts';
import { LOCKED_DOWN, openError } from './store.ts';
import { storedTopics, type Topic } from './topics.ts';

/** What a search has to know of a store that no service has; nothing of it is changed. */
export interface StoppedStore {
  readonly path: string;
  readonly topic: Topic;
  /** Keys of the topic without a column. */
  readonly otherKeys: readonly string[];
}

/** Another user may have made what is in it. */
const READ_ONLY = { ...LOCKED_DOWN, access_mode: 'READ_ONLY', threads: '1', max_temp_directory_size: '0B' } as const;

const TABLES = ['logs', 'packages', 'other_keys'] as const;

/**
 * @param topicId empty for the first one
 * @throws StoreError where it cannot be opened
 */
export async function readStopped(folder: string, topicId: string): Promise<StoppedStore | Refusal> {
  const path = join(folder, 'logs.duckdb');
  for (const name of ['logs.duckdb', 'logs.duckdb.wal', 'topics.json']) refuseOddFile(join(folder, name));
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
    await refuseOddTables(connection, path);
    const columns = new Set((await connection.runAndReadAll('SELECT * FROM main.logs LIMIT 0')).columnNames());
    if (ADDED_COLUMNS.some(({ name }) => !columns.has(name))) return olderStore(folder);
    const keys = await connection.runAndReadAll(
      `SELECT topic, key FROM main.other_keys WHERE topic = $1 LIMIT ${OTHER_KEYS_MAX}`,
      [topic.id],
    );
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

/** What is no file may never end, or wait for a writer that never comes. */
function refuseOddFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile()) throw notOfService(path, 'it is no file');
}

/** A view runs what its maker wrote; the log service makes tables only. The name is that of the database's own function. */
async function refuseOddTables(connection: DuckDBConnection, path: string): Promise<void> {
  const found = await connection.runAndReadAll(
    `SELECT table_name FROM system.main.duckdb_tables() WHERE schema_name = 'main' AND NOT temporary`,
  );
  const tables = new Set(found.getRows().map(([name]) => name));
  const missing = TABLES.filter((name) => !tables.has(name));
  if (missing.length > 0) throw notOfService(path, `it has no table ${missing.join(', ')}`);
}

function noStore(folder: string): StoreError {
  return new StoreError(
    'failed',
    `There is no store in ${folder}: its logs.duckdb is missing. Name the right folder with --store, or start a log service there: ` +
      `flowlogd logservice --store ${folder}`,
  );
}

function notOfService(path: string, why: string): StoreError {
  return new StoreError(
    'damaged',
    `Reading ${path} of the log service failed: ${why}; move it away, or name another folder with --store.`,
  );
}

/**
 * Undefined where no service that this process can see has the store.
 * @throws StoreError where there is no store
 */
export function inUse(folder: string): Refusal | undefined {
  const path = join(folder, 'logs.duckdb');
  if (!existsSync(path)) throw noStore(folder);
  const pid = serviceOn(path);
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
