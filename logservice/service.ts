import { chmodSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCatalogue } from '../analyses/catalogue.ts';
import { Endings } from './endings.ts';
import { Findings } from './findings/findings.ts';
import { loadCredentials } from './http/credentials.ts';
import { type Handler, HTTP_LIMITS, type HttpLimits, HttpServer } from './http/http-server.ts';
import { type Address, listenInFolder, listenOnPort } from './http/listeners.ts';
import { createHandler } from './http/routes.ts';
import { StoreError } from './model/store-error.ts';
import { removeSpilled, Searches } from './search/searches.ts';
import { Bounds } from './store/bounds.ts';
import { Checkpoints } from './store/checkpoints.ts';
import { writeDurably } from './store/durable-file.ts';
import { refuseForeign } from './store/foreign-folder.ts';
import { whenGone } from './store/own-file.ts';
import type { RetentionOptions } from './store/retention.ts';
import { Store } from './store/store.ts';
import { loadTopics, type Topic, type TopicRequest } from './store/topics.ts';
import { Writer } from './store/writer.ts';

/** Builds the service of one store folder, starts it, and stops it in the reverse order. */
export interface ServiceOptions extends RetentionOptions, Address {
  readonly folder: string;
  readonly topics: readonly TopicRequest[];
  readonly now: () => number;
  readonly httpLimits?: HttpLimits;
  readonly searchTimeoutMs?: number;
  /** The program of the processes that search. */
  readonly searchWorker?: string;
  /** Told of what should not happen, and of what was deleted. */
  readonly log: (line: string) => void;
  /** Names of the rules that run; those that run by default unless it is given. */
  readonly rules?: readonly string[] | undefined;
  /** Whether each finding gets a line in the log. */
  readonly logFindings?: boolean;
  /** Told that the service cannot continue. */
  readonly onFailure: (error: StoreError) => void;
}

export interface RunningService {
  readonly url: string;
  /** Of its owner only. */
  readonly socketPath: string;
  readonly folder: string;
  readonly topics: readonly Topic[];
  /** Finishes what is under way, writes everything into the database file, and closes. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 10_000;
const SEARCH_WORKER = fileURLToPath(new URL('./search/search-worker.js', import.meta.url));

/** @throws StoreError */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const folder = resolve(options.folder);
  refuseForeign(folder);
  const endings = new Endings();
  try {
    return await startOn(folder, options, endings);
  } catch (error) {
    await endings.run();
    throw error;
  }
}

/** The mode of another user's file only that user may change, and need not where it is right. */
function keepPrivate(path: string): void {
  if ((statSync(path).mode & 0o777) !== 0o600) chmodSync(path, 0o600);
}

async function startOn(folder: string, options: ServiceOptions, endings: Endings): Promise<RunningService> {
  const { now } = options;
  // First, because the database's lock tells whether this process may touch the other files.
  const store = await openStore(folder, options, endings);
  const credentials = loadCredentials(join(folder, 'credentials.json'));
  const topics = loadTopics(join(folder, 'topics.json'), options.topics);
  const findings = await openFindings(store, folder, [...topics.keys()][0]!, options);
  endings.add(() => findings.stop());
  const { writer, searches, bounds } = await openUses(store, findings, options, endings);
  const handler = createHandler({ store, writer, searches, topics, findings, credentials, now });
  const places = await listen(handler, folder, options, endings);
  // Who waits for findings would hold its connection for as long as the servers let it.
  endings.add(() => findings.endFollowing());
  const runningPath = join(folder, 'service.json');
  const running = { ...places, pid: process.pid, topic: [...topics.keys()][0], topics: [...topics.keys()] };
  endings.add(() => rmSync(runningPath, { force: true }));
  writeDurably(runningPath, `${JSON.stringify(running, null, 2)}\n`, 0o600);
  endings.add(() => bounds.stop());
  bounds.start();
  endings.add(whenGone(store.path, () => options.onFailure(deleted(store.path))));
  return { ...places, folder, topics: [...topics.values()], stop: () => endings.run() };
}

async function openStore(folder: string, { log }: ServiceOptions, endings: Endings): Promise<Store> {
  const store = await Store.open(folder);
  endings.add(async () => {
    const failure = await store.close();
    if (failure !== undefined) log(`log service: the changes stay in ${store.path}.wal, because: ${failure}`);
  });
  keepPrivate(store.path);
  return store;
}

/** On a port for everybody who has the key, and in the folder for its owner. */
async function listen(
  handler: Handler,
  folder: string,
  options: ServiceOptions,
  endings: Endings,
): Promise<Pick<RunningService, 'url' | 'socketPath'>> {
  const { now, log, host, httpLimits: limits = HTTP_LIMITS } = options;
  const onError = (error: Error): void => log(`log service: ${error.stack ?? error.message}`);
  const servers = [false, true].map((isOwners) => new HttpServer({ handler, now, isOwners, limits, onError }));
  endings.add(() => Promise.all(servers.map((server) => server.stop(STOP_GRACE_MS))));
  const port = await listenOnPort(servers[0]!, options);
  const socketPath = await listenInFolder(servers[1]!, folder);
  endings.add(() => rmSync(socketPath, { force: true }));
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, socketPath };
}

/** Of the topic that is searched where none is named. */
function openFindings(store: Store, folder: string, topic: string, options: ServiceOptions): Promise<Findings> {
  const { now, log, logFindings, rules } = options;
  const tell = logFindings === true ? log : undefined;
  const catalogue = readCatalogue().filter(({ finding }) => finding !== undefined);
  return Findings.open({ folder, store, topic, catalogue, rules, now, log, tell });
}

interface Uses {
  readonly writer: Writer;
  readonly searches: Searches;
  readonly bounds: Bounds;
}

/** Who writes the store, who reads it, and the checkpoints between the two. */
async function openUses(store: Store, findings: Findings, options: ServiceOptions, endings: Endings): Promise<Uses> {
  const { now, onFailure, log, searchTimeoutMs, searchWorker = SEARCH_WORKER } = options;
  const onCommit = (): void => {
    checkpoints.look();
    findings.look();
  };
  const writer = await Writer.open(store, { now, onFailure, onCommit });
  endings.add(() => writer.exclusive(async () => undefined));
  const bounds = new Bounds(store, writer, options);
  // It may wait for the searches, which end before.
  endings.add(() => bounds.ended());
  removeSpilled(store.path);
  const searches = new Searches({
    storePath: store.path,
    gate: store.gate,
    prepare: () => checkpoints.lookBeforeSearch(),
    exclusive: (work) => writer.exclusive(work),
    worker: searchWorker,
    timeoutMs: searchTimeoutMs,
  });
  const checkpoints = new Checkpoints({ store, writer, endSearches: () => searches.endRunning(), log });
  endings.add(() => checkpoints.stop());
  endings.add(() => searches.stop());
  return { writer, searches, bounds };
}

/** An answer that says 'stored' would be untrue from now on. */
function deleted(path: string): StoreError {
  return new StoreError(
    'failed',
    `The database ${path} was deleted or replaced while it was open, with every log in it; the log service ends. ` +
      'Restore the file if there is a copy, and start the service again.',
  );
}
