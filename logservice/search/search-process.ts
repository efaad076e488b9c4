import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Refusal } from '../model/refusal.ts';
import type { SearchRequest, SearchResult } from './search-request.ts';

/**
 * A process that searches, seen from the service: it opens the store, answers one search, and lets the store go. What it asks for
 * beyond its limits it does not get, and where it must, it is killed: nothing that is written depends on it.
 *
 *     address space   the kernel's limit, set by /bin/sh before node begins; an allocation beyond it fails at once
 *     resident memory looked at while it searches; also holds where there is no shell, as in the container image
 *     time            whoever asks ends it
 */
export interface SearchProcessOptions {
  /** The program. */
  readonly worker: string;
  readonly storePath: string;
  /** For what does not fit into memory; removed with the process. */
  readonly spillFolder: string;
  /** Where there is none, the resident memory alone is limited. */
  readonly shell?: string;
}

/** Of which node and the database reserve 0.8 GiB without using it. */
const ADDRESS_SPACE_KIB = 1.5 * 1024 * 1024;
export const RESIDENT_MIB_MAX = 768;
const HEAP_MIB_MAX = 256;
const LOOK_MS = 50;
const START_MS_MAX = 30_000;

const LIMIT_AND_RUN = 'ulimit -c 0; ulimit -v "$1" && shift && exec "$@"';

/** From the process. */
export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'answer'; readonly answer: SearchResult; readonly isLast: boolean }
  | {
      readonly kind: 'refusal';
      readonly refusal: Pick<Refusal, 'errorcode' | 'errormessage' | 'position'>;
      readonly isLast: boolean;
    };

/** To the process. */
export type Order = { readonly kind: 'open' } | { readonly kind: 'search'; readonly request: SearchRequest };

export class SearchProcess {
  /** Rejects with a Refusal when it ended before. */
  readonly ready: Promise<unknown>;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #reason: Refusal | undefined;
  #isLast = false;
  #settle: { readonly resolve: (reply: Reply) => void; readonly reject: (refusal: Refusal) => void } | undefined;

  constructor({ worker, storePath, spillFolder, shell = '/bin/sh' }: SearchProcessOptions) {
    this.#child = start(shell, [`--max-old-space-size=${HEAP_MIB_MAX}`, worker, storePath, spillFolder]);
    // It must not keep the service from ending.
    this.#child.unref();
    this.#child.channel?.unref();
    this.#child.on('message', (reply: Reply) => this.#settle?.resolve(reply));
    this.#child.on('error', (error) => this.end(failed(`cannot run: ${error.message}`)));
    this.ended = new Promise((resolve) => {
      const onEnd = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#reason ??= died(code, signal);
        rmSync(spillFolder, { recursive: true, force: true });
        this.#settle?.reject(this.#reason);
        resolve();
      };
      this.#child.once('exit', onEnd);
      // One that never ran has no exit.
      this.#child.once('error', () => this.#child.pid === undefined && onEnd(null, null));
    });
    const timer = setTimeout(() => this.end(failed('did not start')), START_MS_MAX);
    this.ready = this.#reply().finally(() => clearTimeout(timer));
    // Whoever waits for it hears of it.
    this.ready.catch(() => undefined);
  }

  /** Whether it may be asked again. */
  get isUsable(): boolean {
    return this.#reason === undefined && !this.#isLast;
  }

  /** From here on it sees the store as it is now. */
  async open(): Promise<void> {
    const reply = await this.#order({ kind: 'open' });
    if (reply.kind === 'refusal') throw refusalOf(reply.refusal);
  }

  /** Answers when it has let the store go. Rejects with the Refusal that it was ended with. */
  async search(request: SearchRequest): Promise<SearchResult | Refusal> {
    const look = setInterval(() => this.#look(), LOOK_MS);
    try {
      const reply = await this.#order({ kind: 'search', request });
      if (reply.kind === 'answer') return reply.answer;
      return reply.kind === 'refusal' ? refusalOf(reply.refusal) : failed('answered something else');
    } finally {
      clearInterval(look);
    }
  }

  /** Kills it. What it is asked is answered with this. */
  end(refusal: Refusal = failed('was ended')): void {
    this.#reason ??= refusal;
    this.#child.kill('SIGKILL');
  }

  async #order(order: Order): Promise<Reply> {
    if (this.#reason !== undefined) throw this.#reason;
    const reply = this.#reply();
    // One whose channel broke ends.
    this.#child.send(order, () => undefined);
    const got = await reply;
    if ('isLast' in got) this.#isLast = got.isLast;
    return got;
  }

  #reply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  #look(): void {
    if (residentMib(this.#child.pid) > RESIDENT_MIB_MAX) this.end(tooLarge());
  }
}

function start(shell: string, words: readonly string[]): ChildProcess {
  const [program, ...prefix] = existsSync(shell)
    ? [shell, '-c', LIMIT_AND_RUN, 'sh', String(ADDRESS_SPACE_KIB), process.execPath]
    : [process.execPath];
  return spawn(program!, [...prefix, ...words], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // One arena of the allocator: each other one reserves 64 MiB.
    env: { MALLOC_ARENA_MAX: '1' },
  });
}

function residentMib(pid: number | undefined): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    // It has ended.
    return 0;
  }
}

function refusalOf({
  errorcode,
  errormessage,
  position,
}: Pick<Refusal, 'errorcode' | 'errormessage' | 'position'>): Refusal {
  return new Refusal(errorcode, errormessage, position);
}

function tooLarge(): Refusal {
  return new Refusal(
    'QueryError',
    `The search was ended: it needs more than ${RESIDENT_MIB_MAX} MB of memory; narrow its time, its condition or its SQL.`,
  );
}

/** Node and the database abort where memory is refused to them. */
function died(code: number | null, signal: NodeJS.Signals | null): Refusal {
  if (signal === 'SIGABRT' || signal === 'SIGTRAP' || signal === 'SIGILL' || signal === 'SIGKILL') return tooLarge();
  return failed(`ended with ${signal ?? code}`);
}

function failed(what: string): Refusal {
  return new Refusal('QueryError', `The search failed: its process ${what}; try again.`);
}
