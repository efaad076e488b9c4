import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { ADDED_COLUMNS, FIRST_COLUMNS, type StoredColumn } from '../model/fields.ts';
import { StoreError } from '../model/store-error.ts';
import { ADDRESS_HEX_MACROS } from '../query/address.ts';
import { ReadGate } from './read-gate.ts';

/**
 * The database of the log service, one file.
 *
 *     packages    one row for each LogGroup: what its logs have in common, and the `contextFlow` that tells a duplicate
 *     logs        one row for each log; `package` grows with time, so that old logs are found without a look at the rest
 *     other_keys  per topic, the keys that have no column, so that SQL can name them
 *
 * The store of an earlier version gets the columns that it lacks, empty and at once. What its logs say of them stays in `other`,
 * where searches look for it, until the logs are old enough to go: to move it would keep a large store closed for minutes.
 *
 * This process writes it; searches read it in processes of their own (search/). The database lets one process write or many read, by
 * a lock of fcntl(2), whose owner is the process: a second, read-only opening here turns the lock for writing into one for reading,
 * which lets searches in and keeps every other writer out. What they read stays as it is until a checkpoint, so the database makes
 * none by itself, and `checkpoint` runs only within `gate.alone` (docs/decisions/2026-11-30-searches-in-processes.md).
 *
 * Locked down when it is opened, for as long as the process lives: no file, no network, no extension, and no statement that
 * changes that. Memory and threads are bounded; what does not fit is spilled beside the database, bounded, too.
 */
const MEMORY_LIMIT = '256MB';
const THREADS = '2';
const SPILL_LIMIT = '1GB';

/** Of the log of changes, beyond which the database would make a checkpoint by itself. */
const NEVER = '1TB';

export const LOCKED_DOWN = {
  checkpoint_threshold: NEVER,
  memory_limit: MEMORY_LIMIT,
  threads: THREADS,
  max_temp_directory_size: SPILL_LIMIT,
  enable_external_access: 'false',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  lock_configuration: 'true',
} as const;

/** Where logs are written anew before they take the place of `logs` (rewriting.ts). */
export const REWRITTEN = 'logs_kept';

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS packages (
     id BIGINT PRIMARY KEY, topic VARCHAR NOT NULL, pkg_id VARCHAR, source VARCHAR, filename VARCHAR, hostname VARCHAR,
     tags VARCHAR, indexed BOOLEAN NOT NULL, logs INTEGER NOT NULL, received_ms BIGINT NOT NULL, UNIQUE (topic, pkg_id))`,
  `CREATE TABLE IF NOT EXISTS logs (${FIRST_COLUMNS.map(({ name, type }) => `"${name}" ${type}`).join(', ')})`,
  ...ADDED_COLUMNS.map(({ name, type }) => `ALTER TABLE logs ADD COLUMN IF NOT EXISTS "${name}" ${type}`),
  'CREATE TABLE IF NOT EXISTS other_keys (topic VARCHAR, key VARCHAR)',
  // Where a rewriting did not end.
  `DROP TABLE IF EXISTS ${REWRITTEN}`,
  ...ADDRESS_HEX_MACROS,
];

export class Store {
  readonly path: string;
  /** For writing, one transaction at a time; the writer alone uses it. */
  readonly connection: DuckDBConnection;
  /** Of the table `logs`, in the order in which this store got them. */
  readonly columns: readonly StoredColumn[];
  /** For those who read the file, and for checkpoints. */
  readonly gate = new ReadGate();
  readonly #instance: DuckDBInstance;
  readonly #sharedLock: DuckDBInstance;
  readonly #readers: DuckDBConnection[] = [];

  private constructor(
    path: string,
    { instance, sharedLock }: { readonly instance: DuckDBInstance; readonly sharedLock: DuckDBInstance },
    connection: DuckDBConnection,
    columns: readonly StoredColumn[],
  ) {
    this.path = path;
    this.#instance = instance;
    this.#sharedLock = sharedLock;
    this.connection = connection;
    this.columns = columns;
  }

  /**
   * Opens the database in a folder, which is made if need be.
   * @throws StoreError
   */
  static async open(folder: string): Promise<Store> {
    makeFolder(folder);
    const path = join(folder, 'logs.duckdb');
    let instance: DuckDBInstance;
    try {
      instance = await DuckDBInstance.create(path, LOCKED_DOWN);
    } catch (error) {
      throw openError(folder, path, error as Error);
    }
    const connection = await instance.connect();
    try {
      for (const statement of SCHEMA) await connection.run(statement);
      const columns = await columnsOf(connection, path);
      const sharedLock = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY', threads: '1' });
      return new Store(path, { instance, sharedLock }, connection, columns);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const why = firstLine(error as Error);
      throw new StoreError('failed', `Writing to the database ${path} of the log service failed: ${why}.`, error);
    }
  }

  /** Another connection, for reading within `gate.within`: what is being committed it does not see. */
  async connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    this.#readers.push(connection);
    return connection;
  }

  /** Writes the log of changes into the database file; only within `gate.alone`, and between transactions. */
  async checkpoint(): Promise<void> {
    await this.connection.run('CHECKPOINT');
  }

  /** Bytes of the log of changes. */
  get changesBytes(): number {
    return statSync(`${this.path}.wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Rows of a small answer. */
  async rows(sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
    return (await this.connection.runAndReadAll(sql, values)).getRows();
  }

  /**
   * Rows of a small answer about all that is committed, however long it takes: uploads are written meanwhile. Not within `gate.alone`.
   */
  read(sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
    return this.gate.within(async () => {
      const connection = await this.#instance.connect();
      try {
        return (await connection.runAndReadAll(sql, values)).getRows();
      } finally {
        connection.closeSync();
      }
    });
  }

  /**
   * Writes the log of changes into the database file, and closes it. Where that is not possible (the disk is full), answers
   * why: nothing is lost, the changes stay in the file beside the database, and the next start reads them.
   */
  async close(): Promise<string | undefined> {
    const failure = await this.checkpoint().then(
      () => undefined,
      (error: Error) => firstLine(error),
    );
    for (const connection of [this.connection, ...this.#readers]) connection.closeSync();
    this.#instance.closeSync();
    this.#sharedLock.closeSync();
    return failure;
  }
}

/** @throws StoreError where its rows have columns that this version would not write */
async function columnsOf(connection: DuckDBConnection, path: string): Promise<readonly StoredColumn[]> {
  const names = (await connection.runAndReadAll('SELECT * FROM logs LIMIT 0')).columnNames();
  const known = new Map([...FIRST_COLUMNS, ...ADDED_COLUMNS].map((column) => [column.name, column]));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) throw newerError(path, `columns ${unknown.join(', ')}`);
  return names.map((name) => known.get(name)!);
}

function newerError(path: string, what: string, cause?: unknown): StoreError {
  return new StoreError(
    'newer',
    `Opening the database ${path} of the log service failed: a newer flowlogd wrote it (${what}). ` +
      'Install that version again, or name another folder with --store.',
    cause,
  );
}

function makeFolder(folder: string): void {
  try {
    makeFolders(folder);
  } catch (error) {
    throw new StoreError(
      'cannot-create',
      `Making the store of the log service in ${folder} failed: ${(error as Error).message}; name another with --store.`,
      error,
    );
  }
}

export function openError(folder: string, path: string, error: Error): StoreError {
  const holder = /Conflicting lock is held in (.*?)\. /.exec(error.message)?.[1];
  if (holder !== undefined) {
    return new StoreError(
      'in-use',
      `Opening the store ${folder}: another log service has it (${holder}); stop that one, or name another folder with --store.`,
      error,
    );
  }
  const why = firstLine(error);
  if (/newer version|version number/i.test(why)) return newerError(path, why, error);
  const kind = /permission|cannot open/i.test(why) ? 'cannot-create' : 'damaged';
  return new StoreError(
    kind,
    `Opening the database ${path} of the log service failed: ${why}; ` +
      'if it is damaged, move it away and start again with an empty one.',
    error,
  );
}

/** Node's own `recursive` never returns where a file system answers ENOENT to every mkdir, as /proc does. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** The database puts pictures of statements behind its sentence. */
export function firstLine(error: Error): string {
  return (error.message.split('\n', 1)[0] ?? '').replace(/\.$/, '');
}
