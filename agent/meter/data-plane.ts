import { setImmediate, setTimeout } from 'node:timers/promises';
import type { PacketBatch } from '../model/packet-batch.ts';
import type { LiveEngine, PacketSource } from '../model/packet-source.ts';
import type { Control } from './control.ts';
import type { NflogReader } from './nflog-reader.ts';
import { Pace } from './pace.ts';
import { Sweeps } from './sweeps.ts';
import type { Tap } from './tap.ts';

/** At the end a tap is drained at most this often where packets never cease, and where none comes any more: enough for 2 GiB. */
const DRAINS_AT_END = 8;
const DRAINS_OF_A_RING = 256;

export interface DataPlaneOptions {
  readonly engine: LiveEngine;
  /** May change in `onRound`. */
  readonly taps: readonly Tap[];
  /** What the packet filter rejects of theirs; may change in `onRound`, too. */
  readonly nflogReaders?: readonly NflogReader[];
  readonly batch: PacketBatch;
  readonly control: Control;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Milliseconds by a clock that nobody sets. */
  readonly elapsed?: () => number;
  /** Whether its sleep is ended as each second begins, and with each request. */
  readonly isWoken?: boolean;
  /** Called once a round, for what the thread around it has to do; answers in how many milliseconds there is more of it, Infinity for never. */
  readonly onRound: () => number | Promise<number>;
}

/**
 * The data-plane loop: wait, drain the taps that have packets, close what is due. Windows are closed only after everything that
 * waited when they became due was taken in, so a backlog never lands in the wrong window. Ends when a stop is requested, with all
 * windows closed.
 *
 * Between a thousand quiet interfaces a busy one must not pay for the others: those have their turn as a second begins
 * and when windows become due; and where that takes long (interfaces that come and go by the hundred are
 * opened and closed), in slices.
 */
export async function runDataPlane(options: DataPlaneOptions): Promise<void> {
  const { engine, taps, nflogReaders = [], batch, control, onRound } = options;
  const elapsed = options.elapsed ?? (() => performance.now());
  const sweeps = new Sweeps(options.now ?? Date.now, elapsed, options.isWoken === true);
  const pace = new Pace(elapsed);
  let restMs = Number.POSITIVE_INFINITY;
  while (!control.stopRequested) {
    const sources = openSources([...taps, ...nflogReaders]);
    const pauseMs = Math.min(pace.pauseMs(sources), sweeps.nextMs, restMs);
    if (pauseMs > 0) await engine.wait([], pauseMs);
    await pace.waited(() => engine.wait(sources, Math.min(sweeps.nextMs, restMs)));
    const closeBefore = control.closeBefore;
    sweeps.beginWhenDue(taps, closeBefore);
    for (const log of nflogReaders) await log.drain(batch);
    for (const tap of taps) {
      if (sweeps.hasTurn(tap)) tap.closeBefore(closeBefore, await tap.drain(batch));
    }
    restMs = await onRound();
    if (sweeps.endRound()) await freeForgotten();
    control.advance();
  }
  for (const tap of taps) tap.stopIntake();
  await handedOver(engine);
  for (const log of nflogReaders) {
    await log.drainLast(batch);
    log.end();
  }
  for (const tap of taps) await endTap(tap, batch);
}

function openSources(readers: readonly (Tap | NflogReader)[]): PacketSource[] {
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
