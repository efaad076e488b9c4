import { writeFileSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { Refusal } from '../model/refusal.ts';
import { literal, lockedDown } from './locked-down.ts';
import { runSearch } from './run-search.ts';
import type { Order, Reply } from './search-process.ts';
import { DATABASE_LIMITS } from './search-request.ts';

/**
 * The process that searches: `search-worker.js STORE SPILL`, asked over the channel of its parent, with which it ends. It reads the
 * store and writes nothing but what it spills.
 *
 * Its own database is in memory, and the store is attached to it: a name without a schema is none of the store's tables. Locked down
 * before the first search, for as long as the process lives: no file but the store, no network, no extension, and no statement
 * that changes that.
 */
const LIMITS = {
  memory_limit: `${DATABASE_LIMITS.memory}MB`,
  threads: '2',
  max_temp_directory_size: `${DATABASE_LIMITS.spilled}MB`,
} as const;
/** A process that has grown beyond this is not asked again. */
const RESIDENT_BYTES_MAX = 400 * 1024 * 1024;

// A terminal sends SIGINT to all of its processes, a service manager SIGTERM: the service decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)
  process.on(signal, () => undefined);
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

beFirstToGo();

const [, , storePath = '', spillFolder = ''] = process.argv;
void begin();

async function begin(): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { ...LIMITS, temp_directory: spillFolder });
  const keeper = await instance.connect();
  for (const statement of lockedDown(storePath)) await keeper.run(statement);
  process.on('message', (order: Order) => void answer(instance, keeper, order));
  send({ kind: 'ready' });
}

/** Where the memory of the host, or of a cgroup, is used up. */
function beFirstToGo(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // It goes by its size then.
  }
}

async function answer(instance: DuckDBInstance, keeper: DuckDBConnection, order: Order): Promise<void> {
  try {
    if (order.kind === 'open') {
      await keeper.run(`ATTACH ${literal(storePath)} AS store (READ_ONLY)`);
      send({ kind: 'opened' });
    } else {
      send(await search(instance, keeper, order));
    }
  } catch (error) {
    const refusal = new Refusal('QueryError', `The search failed: ${(error as Error).message}.`);
    send({ kind: 'refusal', refusal, isLast: true });
  }
}

async function search(
  instance: DuckDBInstance,
  keeper: DuckDBConnection,
  { request }: Extract<Order, { kind: 'search' }>,
): Promise<Reply> {
  const connection = await instance.connect();
  const found = await runSearch(connection, request);
  connection.closeSync();
  await keeper.run('DETACH store');
  const isLast = process.memoryUsage.rss() > RESIDENT_BYTES_MAX;
  if (found instanceof Refusal) return { kind: 'refusal', refusal: found, isLast };
  // A result that was not read to its end keeps the store open.
  return { kind: 'answer', answer: found, isLast: isLast || found.truncated };
}

function send(reply: Reply): void {
  process.send?.(reply, undefined, undefined, () => undefined);
}
