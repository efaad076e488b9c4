/**
 * Notices when the clock has gone another way than this process: the machine slept, or somebody set the clock. Forward, both
 * leave windows in which nothing was captured; back, windows come again that were there before.
 */
import type { GapReason } from '../model/ledger.ts';

/** Three clocks, in milliseconds. */
export interface Clocks {
  /** Unix time. */
  readonly wallMs: number;
  /** Stands still while the machine sleeps. */
  readonly awakeMs: number;
  /** Goes on while it does. */
  readonly bootMs: number;
}

/** Back where `toSeconds` comes before `fromSeconds`. */
export interface ClockJump {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly reason: Extract<GapReason, 'suspended' | 'clock-jumped'>;
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

  /**
   * The jump since the last look. Forward it begins with that look, for nobody knows what was captured since; back with what
   * the clock would show.
   *
   * @param wallMs now
   */
  look(wallMs: number): ClockJump | undefined {
    const last = this.#last;
    if (Math.abs(wallMs - last.wallMs) < LOOK_MS) return undefined;
    const now = this.#read();
    this.#last = now;
    const awakeMs = now.awakeMs - last.awakeMs;
    const bootMs = now.bootMs - last.bootMs;
    const jumpMs = now.wallMs - last.wallMs - awakeMs;
    if (Math.abs(jumpMs) <= JUMP_MS) return undefined;
    const fromMs = jumpMs > 0 ? last.wallMs : last.wallMs + bootMs;
    const reason = jumpMs > 0 && bootMs - awakeMs > jumpMs / 2 ? 'suspended' : 'clock-jumped';
    return { fromSeconds: fromMs / 1000, toSeconds: now.wallMs / 1000, reason };
  }
}
