import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Refusal } from '../model/refusal.ts';
import type { ReadGate } from '../store/read-gate.ts';
import type { Topic } from '../store/topics.ts';
import { SearchProcess } from './search-process.ts';
import { SEARCH_LIMITS, type SearchRequest, type SearchResult } from './search-request.ts';

/**
 * Admits searches and hands each to a process of its own. A process that answered is used again, so that most searches need not wait
 * for a start; one that is over its time or memory is killed, and nothing else feels it.
 */
export interface SearchesOptions {
  readonly storePath: string;
  readonly gate: ReadGate;
  /** Runs before a search opens the store. */
  readonly prepare: () => Promise<void>;
  /** Runs while nothing is written to the store. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  /** The program of the process. */
  readonly worker: string;
  readonly timeoutMs?: number | undefined;
  /** Where searches spill; beside the store if it is not named. */
  readonly spillIn?: string;
}

export interface SearchQuestion extends Omit<SearchRequest, 'topicId'> {
  readonly topic: Topic;
  /** The asker went away. */
  readonly signal: AbortSignal;
}

/** A process without a search for so long ends: it would hold its 100 MB for nothing. */
const IDLE_MS_MAX = 300_000;

export class Searches {
  /** Of all in this process, which may share a folder. */
  static #started = 0;
  readonly #options: SearchesOptions;
  readonly #timeoutMs: number;
  readonly #waiting: (() => void)[] = [];
  readonly #busy = new Set<SearchProcess>();
  readonly #idle: SearchProcess[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #running = 0;

  constructor(options: SearchesOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? SEARCH_LIMITS.timeoutMs;
  }

  async run(question: SearchQuestion): Promise<SearchResult | Refusal> {
    if (!question.topic.index) return indexOff(question.topic);
    if (this.#running >= SEARCH_LIMITS.concurrent && this.#waiting.length >= SEARCH_LIMITS.waiting) {
      return new Refusal('SpeedQuotaExceed', `${SEARCH_LIMITS.waiting} searches wait already; try again later.`);
    }
    if (!(await this.#enter(question.signal))) return timedOut(0);
    try {
      return question.signal.aborted ? timedOut(0) : await this.#search(question);
    } finally {
      this.#leave();
    }
  }

  /** Ends the searches that run, because something more important needs the store. */
  endRunning(): void {
    const refusal = new Refusal('SpeedQuotaExceed', 'The search was ended because uploads need the store; try again.');
    for (const searcher of this.#busy) searcher.end(refusal);
  }

  /** Ends every process. */
  async stop(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const all = [...this.#busy, ...this.#idle.splice(0)];
    for (const searcher of all) searcher.end(new Refusal('InternalError', 'The log service stops.'));
    await Promise.all(all.map((searcher) => searcher.ended));
  }

  /** False: the asker went away before there was a place. */
  async #enter(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#running < SEARCH_LIMITS.concurrent) {
      this.#running += 1;
      return true;
    }
    return await new Promise<boolean>((resolve) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        resolve(false);
      };
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      this.#waiting.push(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    // The next one takes the place over.
    if (next === undefined) this.#running -= 1;
    else next();
  }

  async #search({ topic, signal, ...request }: SearchQuestion): Promise<SearchResult | Refusal> {
    const searcher = this.#take();
    const abort = (): void => searcher.end(timedOut(0));
    signal.addEventListener('abort', abort, { once: true });
    try {
      await searcher.ready;
      return await this.#ask(searcher, { ...request, topicId: topic.id });
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#giveBack(searcher);
    }
  }

  async #ask(searcher: SearchProcess, request: SearchRequest): Promise<SearchResult | Refusal> {
    const { gate, exclusive, prepare } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    await prepare();
    await gate.enter();
    try {
      timer = setTimeout(() => searcher.end(timedOut(this.#timeoutMs)), this.#timeoutMs);
      // Nothing is written while it opens the store, so that it finds everything that was answered before.
      await exclusive(() => searcher.open());
      return await searcher.search(request);
    } finally {
      clearTimeout(timer);
      // A process that was ended has the store open until it is gone; one that has grown, or failed, is not asked again.
      if (!searcher.isUsable) {
        searcher.end();
        await searcher.ended;
      }
      gate.leave();
    }
  }

  #take(): SearchProcess {
    let searcher = this.#idle.pop();
    while (searcher !== undefined && !searcher.isUsable) searcher = this.#idle.pop();
    searcher ??= this.#start();
    this.#busy.add(searcher);
    return searcher;
  }

  #start(): SearchProcess {
    const { worker, storePath, spillIn = dirname(storePath) } = this.#options;
    return new SearchProcess({ worker, storePath, spillFolder: join(spillIn, `search-${Searches.#started++}.tmp`) });
  }

  #giveBack(searcher: SearchProcess): void {
    this.#busy.delete(searcher);
    if (searcher.isUsable) this.#idle.push(searcher);
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#endIdle(), IDLE_MS_MAX);
    this.#idleTimer.unref();
  }

  #endIdle(): void {
    for (const searcher of this.#idle.splice(0)) searcher.end(new Refusal('InternalError', 'The process was idle.'));
  }
}

/** Removes what a killed service left; only for its successor, before it searches. */
export function removeSpilled(storePath: string): void {
  const folder = dirname(storePath);
  for (const name of readdirSync(folder)) {
    if (/^search-\d+\.tmp$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function indexOff(topic: Topic): Refusal {
  return new Refusal(
    'IndexNotExist',
    `The index of the topic ${topic.id} is off: its logs are stored and cannot be searched. Switch it on with ` +
      `flowlogd logservice --topic ${topic.id},index=on; only logs that are written from then on are found.`,
  );
}

function timedOut(timeoutMs: number): Refusal {
  return new Refusal(
    'SearchTimeout',
    `The search was ended after ${timeoutMs / 1000} seconds; narrow its time or its condition.`,
  );
}
