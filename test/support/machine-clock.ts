import { execFileSync, execSync } from 'node:child_process';
import { compiled } from './compiled.ts';

/** Why this machine's clock is left alone, in one line; undefined where its owner lets a test set it (scripts/test-clock.sh). */
export function clockMissing(): string | undefined {
  return process.env['FLOWLOGD_SET_CLOCK'] === 'yes'
    ? undefined
    : 'skipped: sets the clock of the whole machine; run scripts/test-clock.sh in a virtual machine';
}

/** The clock of the whole machine, kernel included. */
export class MachineClock {
  readonly #program = compiled('set-clock.c', '-lm');
  readonly #startMs = Date.now() - performance.now();

  /** By how many seconds it is off what it was when this was made. */
  get offSeconds(): number {
    return (Date.now() - performance.now() - this.#startMs) / 1000;
  }

  step(seconds: number): void {
    execFileSync(this.#program, ['step', String(seconds)]);
  }

  slew(seconds: number): void {
    execFileSync(this.#program, ['slew', String(seconds)]);
  }

  /** Sleeps, and answers after it woke, for how many seconds that was. */
  suspend(): number {
    const before = this.offSeconds;
    execSync(process.env['FLOWLOGD_SUSPEND'] ?? 'rtcwake -m freeze -s 5', { stdio: 'ignore' });
    return this.offSeconds - before;
  }

  /** As if nothing had happened. */
  restore(): void {
    this.step(-this.offSeconds);
  }
}
