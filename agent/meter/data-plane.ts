import { setImmediate, setTimeout } from 'node:timers/promises';
import type { PacketBatch } from '../model/packet-batch.ts';
import type { LiveEngine, PacketSource } from '../model/packet-source.ts';
import type { Control } from './control.ts';
import type { RejectLog } from './reject-log.ts';
import type { Tap } from './tap.ts';

/**
 * How long the data plane sleeps when nothing comes; also the longest that it takes to notice a request. It wakes as each second
 * begins, too, and so with each window: what is dropped then is known to be of that window (drops.ts).
 */
const WAIT_MS = 500;
/** At the end a tap is drained at most this often where packets never cease, and where none comes any more: enough for 2 GiB. */
const DRAINS_AT_END = 8;
const DRAINS_OF_A_RING = 256;

export interface DataPlaneOptions {
  readonly engine: LiveEngine;
  /** May change in `onRound`. */
  readonly taps: readonly Tap[];
  /** What the packet filter rejects of theirs; may change in `onRound`, too. */
  readonly rejectLogs?: readonly RejectLog[];
  readonly batch: PacketBatch;
  readonly control: Control;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Called once a round, for what the thread around it has to do. */
  readonly onRound: () => void | Promise<void>;
}

/**
 * The data-plane loop: wait, drain the taps that have packets, close what is due. Windows are closed only after everything that
 * waited when they became due was taken in, so a backlog never lands in the wrong window. Ends when a stop is requested, with all
 * windows closed.
 *
 * Between a thousand quiet interfaces a busy one must not pay for the others: those have their turn twice a second, as a
 * second begins, and when windows become due.
 */
export async function runDataPlane(options: DataPlaneOptions): Promise<void> {
  const { engine, taps, rejectLogs = [], batch, control, onRound, now = Date.now } = options;
  const sweeps = new Sweeps(now);
  while (!control.stopRequested) {
    await engine.wait(openSources([...taps, ...rejectLogs]), sweeps.nextMs);
    const closeBefore = control.closeBefore;
    const isSweep = sweeps.isDue(closeBefore);
    for (const log of rejectLogs) await log.drain(batch);
    for (const tap of taps) {
      if (isSweep || tap.source?.isReady !== false) tap.closeBefore(closeBefore, await tap.drain(batch));
    }
    await onRound();
    if (isSweep) await freeForgotten();
    control.advance();
  }
  for (const tap of taps) tap.stopIntake();
  await handedOver(engine);
  for (const log of rejectLogs) {
    await log.drainLast(batch);
    log.end();
  }
  for (const tap of taps) await endTap(tap, batch);
}

/** When the quiet taps have their turn, too: twice a second, as a second begins, and when windows become due. */
class Sweeps {
  readonly #now: () => number;
  #sweptAtMs = performance.now();
  #second: number;
  #closeBefore = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#second = Math.floor(now() / 1000);
  }

  /** Until the next one. */
  get nextMs(): number {
    const restMs = Math.max(1, Math.ceil(this.#sweptAtMs + WAIT_MS - performance.now()));
    return Math.min(WAIT_MS, restMs, 1000 - (this.#now() % 1000));
  }

  isDue(closeBefore: number): boolean {
    const second = Math.floor(this.#now() / 1000);
    const isLong = performance.now() >= this.#sweptAtMs + WAIT_MS;
    const isDue = isLong || second !== this.#second || closeBefore !== this.#closeBefore;
    if (isDue) this.#sweptAtMs = performance.now();
    this.#second = second;
    this.#closeBefore = closeBefore;
    return isDue;
  }
}

function openSources(readers: readonly (Tap | RejectLog)[]): PacketSource[] {
  return readers.map(({ source }) => source).filter((source) => source !== undefined);
}

/**
 * What is unmapped or closed is free at once, but not what stands for it: Node.js and V8 queue the end of native objects for the
 * event loop, which a thread that waits in the addon would never come to.
 */
function freeForgotten(): Promise<void> {
  return setImmediate();
}

/** Waits until what has arrived by now can be read: before an end, for nothing of it would be counted after. */
async function handedOver({ holdMs }: LiveEngine): Promise<void> {
  await setTimeout(holdMs);
}

/** Takes in what waits, and closes its windows. */
export async function endTap(tap: Tap, batch: PacketBatch): Promise<void> {
  const drains = tap.isIntakeStopped ? DRAINS_OF_A_RING : DRAINS_AT_END;
  for (let drain = 0; drain < drains && !(await tap.drain(batch)); drain++);
  tap.end();
}
