/**
 * Notices when more time has passed on the clock than for this process: the machine slept, or somebody set the clock. Both
 * leave windows in which nothing was captured. A clock that is set back leaves none.
 */
import type { Gap } from '../model/ledger.ts';

/** Three clocks, in milliseconds. */
export interface Clocks {
  /** Unix time. */
  readonly wallMs: number;
  /** Stands still while the machine sleeps. */
  readonly awakeMs: number;
  /** Goes on while it does. */
  readonly bootMs: number;
}

/** Reading three clocks is not for every round. */
const LOOK_MS = 1000;
/** Smaller steps are corrections, not jumps. */
const JUMP_MS = 2000;

export class ClockWatch {
  readonly #read: () => Clocks;
  #last: Clocks;

  constructor(read: () => Clocks) {
    this.#read = read;
    this.#last = read();
  }

  /** The time that was jumped over since the last look. @param wallMs now */
  look(wallMs: number): Gap | undefined {
    const last = this.#last;
    if (Math.abs(wallMs - last.wallMs) < LOOK_MS) return undefined;
    const now = this.#read();
    this.#last = now;
    const jumpMs = now.wallMs - last.wallMs - (now.awakeMs - last.awakeMs);
    if (jumpMs <= JUMP_MS) return undefined;
    const sleptMs = now.bootMs - last.bootMs - (now.awakeMs - last.awakeMs);
    const reason = sleptMs > jumpMs / 2 ? 'suspended' : 'clock-jumped';
    return { fromSeconds: last.wallMs / 1000, toSeconds: now.wallMs / 1000, reason };
  }
}
