import type { DuckDBAppender, DuckDBPreparedStatement } from '@duckdb/node-api';
import { Refusal } from '../model/refusal.ts';
import { StoreError } from '../model/store-error.ts';
import { decodeLogGroups, type LogGroup } from '../upload/log-groups.ts';
import { OtherKeys } from './other-keys.ts';
import { RowBuffer } from './row-buffer.ts';
import { firstLine, type Store } from './store.ts';
import type { Topic } from './topics.ts';

/**
 * Writes uploads, durable before they are answered. One transaction at a time; uploads that arrive while one is being
 * committed share the next, so that many small uploads cost as few flushes of the disk as one large one.
 *
 * A LogGroup whose `contextFlow` the topic has seen is dropped and counted, and the upload is good all the same: its sender
 * has only not heard of it.
 */
export interface Written {
  readonly logs: number;
  /** LogGroups that had come before. */
  readonly duplicates: number;
}

/** Uploads in one transaction at most: the server admits no more at a time. */
export const COMMIT_UPLOADS_MAX = 16;

interface Upload {
  readonly topic: Topic;
  readonly body: Uint8Array;
  readonly answer: (written: Written | Refusal) => void;
}

export class Writer {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #onFailure: (error: StoreError) => void;
  readonly #onCommit: () => void;
  readonly #rows: RowBuffer;
  readonly #otherKeys: OtherKeys;
  readonly #duplicates = new Map<string, number>();
  readonly #queue: Upload[] = [];
  #turn: Promise<void> = Promise.resolve();
  #topic = '';
  readonly #seen = new Set<string>();
  #nextPackage: bigint;
  #appender: DuckDBAppender | undefined;
  readonly #known: DuckDBPreparedStatement;
  readonly #insert: DuckDBPreparedStatement;

  private constructor(store: Store, options: WriterOptions, state: WriterState) {
    this.#store = store;
    this.#now = options.now;
    this.#onFailure = options.onFailure;
    this.#onCommit = options.onCommit ?? (() => undefined);
    this.#nextPackage = state.nextPackage;
    this.#otherKeys = state.otherKeys;
    this.#known = state.known;
    this.#insert = state.insert;
    this.#rows = new RowBuffer(
      store.columns,
      (chunk) => this.#appender!.appendDataChunk(chunk),
      (key) => this.#otherKeys.note(this.#topic, key),
    );
  }

  static async open(store: Store, options: WriterOptions): Promise<Writer> {
    const [[last]] = (await store.rows('SELECT coalesce(max(id), 0) FROM packages')) as [[bigint]];
    const otherKeys = new OtherKeys((await store.rows('SELECT topic, key FROM other_keys')) as [string, string][]);
    const { connection } = store;
    const known = await connection.prepare('SELECT 1 FROM packages WHERE topic = $1 AND pkg_id = $2');
    const insert = await connection.prepare('INSERT INTO packages VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)');
    return new Writer(store, options, { nextPackage: last + 1n, otherKeys, known, insert });
  }

  /** Answers once the upload is on the disk, or refused. Never rejects. */
  write(topic: Topic, body: Uint8Array): Promise<Written | Refusal> {
    return new Promise((resolve) => {
      this.#queue.push({ topic, body, answer: resolve });
      if (this.#queue.length === 1) void this.exclusive(() => this.#commitQueue());
    });
  }

  /** Runs alone between two transactions of uploads. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** The table of logs is another one now; only within `exclusive`. */
  tableReplaced(): void {
    this.#appender?.closeSync();
    this.#appender = undefined;
  }

  /** Keys of a topic that have no column. */
  otherKeys(topic: string): ReadonlySet<string> {
    return this.#otherKeys.of(topic);
  }

  /** Values under keys beyond the limits of those, since the start. */
  keysBeyond(topic: string): number {
    return this.#otherKeys.beyond(topic);
  }

  /** LogGroups dropped as duplicates since the start. */
  duplicates(topic: string): number {
    return this.#duplicates.get(topic) ?? 0;
  }

  async #commitQueue(): Promise<void> {
    const uploads = this.#queue.splice(0, COMMIT_UPLOADS_MAX);
    if (this.#queue.length > 0) void this.exclusive(() => this.#commitQueue());
    const answers: (() => void)[] = [];
    try {
      const { connection } = this.#store;
      this.#appender ??= await connection.createAppender('logs');
      await connection.run('BEGIN');
      for (const upload of uploads) {
        const written = await this.#append(upload);
        answers.push(() => upload.answer(written));
        if (written instanceof Refusal) continue;
        const { id } = upload.topic;
        answers.push(() => this.#duplicates.set(id, this.duplicates(id) + written.duplicates));
      }
      this.#rows.flush();
      this.#appender.flushSync();
      await this.#insertNewKeys();
      await connection.run('COMMIT');
      this.#otherKeys.stored();
    } catch (error) {
      await this.#rollBack(error as Error);
      const refusal = new Refusal('InternalError', `Storing the logs failed: ${firstLine(error as Error)}.`);
      for (const upload of uploads) upload.answer(refusal);
      return;
    } finally {
      this.#seen.clear();
    }
    for (const answer of answers) answer();
    this.#onCommit();
  }

  async #append({ topic, body }: Upload): Promise<Written | Refusal> {
    const groups = decodeLogGroups(body);
    if (groups instanceof Refusal) return groups;
    this.#topic = topic.id;
    let logs = 0;
    let duplicates = 0;
    for (const group of groups) {
      if (await this.#isDuplicate(topic.id, group.contextFlow)) {
        duplicates += 1;
        continue;
      }
      const id = this.#nextPackage++;
      await this.#insertPackage(id, topic, group);
      const number = Number(id);
      group.forEachLog((log, index) => this.#rows.add(number, index, log));
      logs += group.logCount;
    }
    return { logs, duplicates };
  }

  async #isDuplicate(topic: string, contextFlow: string): Promise<boolean> {
    if (contextFlow === '') return false;
    const identity = `${topic} ${contextFlow}`;
    if (this.#seen.has(identity)) return true;
    this.#seen.add(identity);
    this.#known.bind([topic, contextFlow]);
    return (await this.#known.runAndReadAll()).currentRowCount > 0;
  }

  async #insertPackage(id: bigint, topic: Topic, group: LogGroup): Promise<void> {
    const { contextFlow, source, filename, hostname, logTags, logCount } = group;
    const tags = Object.fromEntries(logTags.map(({ key, value }) => [key, value]));
    this.#insert.bind([
      id,
      topic.id,
      contextFlow === '' ? null : contextFlow,
      source === '' ? null : source,
      filename === '' ? null : filename,
      hostname === '' ? null : hostname,
      logTags.length === 0 ? null : JSON.stringify(tags),
      topic.index,
      logCount,
      BigInt(Math.trunc(this.#now())),
    ]);
    await this.#insert.run();
  }

  async #insertNewKeys(): Promise<void> {
    for (const pair of this.#otherKeys.fresh)
      await this.#store.connection.run('INSERT INTO other_keys VALUES ($1, $2)', [...pair]);
  }

  /** Leaves nothing of a transaction that failed: not in the database, not in the buffer, not in memory. */
  async #rollBack(error: Error): Promise<void> {
    this.#rows.clear();
    this.#otherKeys.forgetFresh();
    try {
      this.#appender?.clear();
      this.#appender?.closeSync();
    } catch {
      // It may hold the very rows that could not be written.
    }
    this.#appender = undefined;
    try {
      await this.#store.connection.run('ROLLBACK');
    } catch (rollBackError) {
      this.#noteFatal(rollBackError as Error);
    }
    this.#noteFatal(error);
  }

  /** After a fatal error the database answers nothing any more: only a new process can open it again. */
  #noteFatal(error: Error): void {
    if (!/FATAL|has been invalidated/.test(error.message)) return;
    this.#onFailure(
      new StoreError(
        'failed',
        `Writing to ${this.#store.path} failed: ${firstLine(error)}; the log service ends.`,
        error,
      ),
    );
  }
}

export interface WriterOptions {
  readonly now: () => number;
  /** Told that the database is beyond use in this process. */
  readonly onFailure: (error: StoreError) => void;
  /** Told of each transaction that is on the disk. */
  readonly onCommit?: () => void;
}

interface WriterState {
  readonly nextPackage: bigint;
  readonly otherKeys: OtherKeys;
  readonly known: DuckDBPreparedStatement;
  readonly insert: DuckDBPreparedStatement;
}
