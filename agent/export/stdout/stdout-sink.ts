import { constants, fstatSync, write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { OperationalError } from '../../model/operational-error.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../model/sink.ts';
import { isSystemError } from '../../model/system-error.ts';
import { BatchText } from '../batch-text.ts';
import type { Timers } from '../timers.ts';

export interface StdoutSinkOptions {
  readonly ledgerLog: boolean;
  readonly timers: Timers;
  /** The descriptor: standard output but for tests. */
  readonly descriptor?: number;
}

const STDOUT = 1;
const RECORDS_MAX = 10_000;
/** Between two looks at a pipe that is full. */
const FULL_MS = { first: 1, max: 100 } as const;

/** Everything that is written to one descriptor, one after the other, so that lines of two sinks stay whole. */
let work: Promise<unknown> = Promise.resolve();
/** Descriptors at which an end or a full disk has cut a line: the next batch begins on a line of its own. */
const cutLines = new Set<number>();
const LINE_FEED = 0x0a;

/**
 * Prints flow batches as lines of JSON. A reader that is slow delays them and nothing else: a pipe is opened once more without blocking, because
 * a write that blocks would hold up a thread, and with Node's own stream the whole agent.
 */
export class StdoutSink implements Sink {
  readonly description = 'standard output';
  readonly limits: SinkLimits = { records: RECORDS_MAX, bytes: Number.POSITIVE_INFINITY, inFlight: 1 };
  readonly #text: BatchText;
  readonly #timers: Timers;
  readonly #descriptor: number;
  #own: FileHandle | undefined;
  #isOpened = false;

  constructor({ ledgerLog, timers, descriptor = STDOUT }: StdoutSinkOptions) {
    this.#text = new BatchText('ndjson', ledgerLog);
    this.#timers = timers;
    this.#descriptor = descriptor;
  }

  send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    const sent = work.then(() => this.#send(batch, signal));
    work = sent.catch(() => undefined);
    return sent;
  }

  async probe(): Promise<ProbeOutcome> {
    try {
      fstatSync(this.#descriptor);
      return { kind: 'accepted' };
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return unwritable(error);
    }
  }

  async close(): Promise<void> {
    await this.#own?.close();
    this.#own = undefined;
  }

  async #send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    try {
      const { rows, ledger } = this.#text.print(batch);
      const isCut = cutLines.has(this.#descriptor);
      await this.#write(isCut ? Buffer.concat([Uint8Array.of(LINE_FEED), rows]) : rows, signal);
      await this.#write(ledger, signal);
      return { kind: 'sent' };
    } catch (error) {
      if (signal.aborted) return { kind: 'retry', reason: 'it was stopped while its reader was slow' };
      return refusalOf(error);
    }
  }

  async #write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const descriptor = await this.#opened();
    let waitMs: number = FULL_MS.first;
    for (let at = 0; at < bytes.length; ) {
      signal.throwIfAborted();
      const written = await writeSome(descriptor, bytes.subarray(at));
      at += written;
      if (written > 0) this.#note(bytes[at - 1]!);
      waitMs = written > 0 ? FULL_MS.first : Math.min(2 * waitMs, FULL_MS.max);
      if (written === 0) await new Promise<void>((resolve) => this.#timers.after(waitMs, resolve));
    }
  }

  #note(lastByte: number): void {
    if (lastByte === LINE_FEED) cutLines.delete(this.#descriptor);
    else cutLines.add(this.#descriptor);
  }

  async #opened(): Promise<number> {
    if (!this.#isOpened) this.#own = await openAgain(this.#descriptor);
    this.#isOpened = true;
    return this.#own?.fd ?? this.#descriptor;
  }
}

/** The same pipe or terminal, not blocking for us alone; undefined for what never blocks, or cannot be opened. */
async function openAgain(descriptor: number): Promise<FileHandle | undefined> {
  const status = fstatSync(descriptor);
  if (!status.isFIFO() && !status.isCharacterDevice()) return undefined;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  return open(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY).catch(() => undefined);
}

/** None where there is no room now. */
function writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error === null) resolve(written);
      else if (error.code === 'EAGAIN') resolve(0);
      else reject(error);
    });
  });
}

/** @throws an error that is none of a batch and none of the system: a bug */
function refusalOf(error: unknown): SendOutcome {
  if (error instanceof OperationalError) {
    return { kind: error.code === 'spool.newer' ? 'newer' : 'poison', reason: error.message };
  }
  if (!isSystemError(error)) throw error;
  return unwritable(error);
}

function unwritable({
  code,
  message,
}: Error & { readonly code: string }): Extract<ProbeOutcome, { kind: 'retry' | 'blocked' }> {
  if (code === 'EPIPE') {
    return { kind: 'blocked', reason: 'EPIPE: the reader of standard output is gone: restart flowlogd with one' };
  }
  if (code === 'EBADF')
    return { kind: 'blocked', reason: 'EBADF: standard output is closed: start flowlogd with it open' };
  return { kind: 'retry', reason: `${code}: writing to standard output failed: ${message}` };
}
