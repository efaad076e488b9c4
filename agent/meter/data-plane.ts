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
/** What may wait goes on so long at most before the taps that have packets have their turn again. */
export const SLICE_MS = 50;
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
  /** Called once a round, for what the thread around it has to do; answers whether there is more of it. */
  readonly onRound: () => boolean | Promise<boolean>;
}

/**
 * The data-plane loop: wait, drain the taps that have packets, close what is due. Windows are closed only after everything that
 * waited when they became due was taken in, so a backlog never lands in the wrong window. Ends when a stop is requested, with all
 * windows closed.
 *
 * Between a thousand quiet interfaces a busy one must not pay for the others: those have their turn twice a second, as a
 * second begins, and when windows become due; and where that takes long (interfaces that come and go by the hundred are
 * opened and closed), in slices.
 */
export async function runDataPlane(options: DataPlaneOptions): Promise<void> {
  const { engine, taps, rejectLogs = [], batch, control, onRound, now = Date.now } = options;
  const sweeps = new Sweeps(now);
  let hasMore = false;
  while (!control.stopRequested) {
    await engine.wait(openSources([...taps, ...rejectLogs]), hasMore ? 0 : sweeps.nextMs);
    const closeBefore = control.closeBefore;
    sweeps.beginWhenDue(taps, closeBefore);
    for (const log of rejectLogs) await log.drain(batch);
    for (const tap of taps) {
      if (sweeps.hasTurn(tap)) tap.closeBefore(closeBefore, await tap.drain(batch));
    }
    hasMore = await onRound();
    if (sweeps.endRound()) await freeForgotten();
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
  /** Those of the present sweep that had no turn yet. */
  readonly #waiting = new Set<Tap>();
  #isUnderWay = false;
  #roundEndsAtMs = 0;
  #sweptAtMs = performance.now();
  #second: number;
  #closeBefore = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#second = Math.floor(now() / 1000);
  }

  /** Until the next one, or the rest of the present one. */
  get nextMs(): number {
    if (this.#isUnderWay) return 0;
    const restMs = Math.max(1, Math.ceil(this.#sweptAtMs + WAIT_MS - performance.now()));
    return Math.min(WAIT_MS, restMs, 1000 - (this.#now() % 1000));
  }

  /** One begins when the one before is over: else those who come last in it would never have a turn. */
  beginWhenDue(taps: readonly Tap[], closeBefore: number): void {
    this.#roundEndsAtMs = performance.now() + SLICE_MS;
    if (this.#isUnderWay || !this.#isDue(closeBefore)) return;
    this.#isUnderWay = true;
    for (const tap of taps) this.#waiting.add(tap);
  }

  /** Whether a tap has its turn now: one with packets in every round. */
  hasTurn(tap: Tap): boolean {
    const isReady = tap.source !== undefined && tap.source.isReady !== false;
    const hasTurn = isReady || (this.#waiting.has(tap) && performance.now() < this.#roundEndsAtMs);
    if (hasTurn) this.#waiting.delete(tap);
    return hasTurn;
  }

  /** Answers whether a sweep is over with this round. */
  endRound(): boolean {
    if (!this.#isUnderWay) return false;
    // With time left, only taps can wait that have ended meanwhile.
    if (performance.now() < this.#roundEndsAtMs) this.#waiting.clear();
    this.#isUnderWay = this.#waiting.size > 0;
    return !this.#isUnderWay;
  }

  #isDue(closeBefore: number): boolean {
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
