/**
 * Ends a process that stands still on one input, which no promise of its own thread can. A second thread looks at a counter;
 * the input lies in memory that both see, so that it can be kept before the end.
 */
import { Worker } from 'node:worker_threads';
import { INPUT_BYTES_MAX } from './mutation.ts';

/** A thousand times what the slowest input takes on a busy machine. */
const STILL_MS = 30_000;
/** Words before the input: how many inputs there were, length of the present one. */
const HEAD_BYTES = 8;

const WATCH = `
  const { workerData } = require('node:worker_threads');
  const { writeFileSync } = require('node:fs');
  const { memory, path, stillMs, headBytes } = workerData;
  const head = new Int32Array(memory, 0, 2);
  let seen = -1;
  setInterval(() => {
    const now = Atomics.load(head, 0);
    if (now !== seen) { seen = now; return; }
    writeFileSync(path, Buffer.from(memory, headBytes, Atomics.load(head, 1)));
    require('node:fs').writeSync(2, 'fuzz: one input takes more than ' + stillMs + ' ms; it is kept as ' + path + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, stillMs);
`;

export class Watchdog {
  readonly #memory = new SharedArrayBuffer(HEAD_BYTES + INPUT_BYTES_MAX);
  readonly #head = new Int32Array(this.#memory, 0, 2);
  readonly #worker: Worker;

  /** @param path where the input of a hang is kept */
  constructor(path: string) {
    const workerData = { memory: this.#memory, path, stillMs: STILL_MS, headBytes: HEAD_BYTES };
    this.#worker = new Worker(WATCH, { eval: true, workerData });
  }

  /** Says that `bytes` are next. */
  begin(bytes: Uint8Array): void {
    new Uint8Array(this.#memory, HEAD_BYTES).set(bytes);
    Atomics.store(this.#head, 1, bytes.length);
    Atomics.add(this.#head, 0, 1);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
