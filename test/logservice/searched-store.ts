/** A store that a service has filled and left, searched in this process as the search process does it: no time goes into starting one. */
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { Refusal } from '../../logservice/model/refusal.ts';
import { literal, lockedDown } from '../../logservice/search/locked-down.ts';
import { runSearch } from '../../logservice/search/run-search.ts';
import type { SearchRequest } from '../../logservice/search/search-request.ts';
import { type Found, removeFolder, startTestService, type TestGroup, temporaryFolder, upload } from './harness.ts';

const TOPIC = 'flowlog';

export class SearchedStore {
  readonly folder: string;
  readonly #connection: DuckDBConnection;
  readonly #otherKeys: readonly string[];

  private constructor(folder: string, connection: DuckDBConnection, otherKeys: readonly string[]) {
    this.folder = folder;
    this.#connection = connection;
    this.#otherKeys = otherKeys;
  }

  /** @param topics what is in them, `flowlog` among them, which the searches are of: one package for each group */
  static async of(topics: Readonly<Record<string, readonly TestGroup[]>>): Promise<SearchedStore> {
    const folder = temporaryFolder();
    const service = await startTestService(folder, { topics: Object.keys(topics).map((id) => ({ id })) });
    for (const [topic, groups] of Object.entries(topics)) {
      for (const group of groups) await upload(service, [group], topic);
    }
    await service.stop();
    const path = join(folder, 'logs.duckdb');
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    for (const statement of lockedDown(path)) await connection.run(statement);
    await connection.run(`ATTACH ${literal(path)} AS store (READ_ONLY)`);
    const keys = await connection.runAndReadAll('SELECT key FROM store.main.other_keys WHERE topic = $1', [TOPIC]);
    return new SearchedStore(
      folder,
      connection,
      keys.getRows().map(([key]) => String(key)),
    );
  }

  /** What the service would answer. */
  async search(query: string, more: Partial<SearchRequest> = {}): Promise<Found> {
    const time = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
    const request = { topicId: TOPIC, query, exclude: '', limit: 100, otherKeys: this.#otherKeys, ...time, ...more };
    const answer = await runSearch(this.#connection, request);
    const json = JSON.parse(JSON.stringify(answer)) as Record<string, unknown>;
    if (answer instanceof Refusal) return { status: answer.status, columns: [], rows: [], json };
    return { status: 200, columns: answer.columns.map(({ name }) => name), rows: answer.rows, json };
  }

  remove(): void {
    this.#connection.closeSync();
    removeFolder(this.folder);
  }
}
