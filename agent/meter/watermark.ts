/**
 * How far an observation point has been read and observed, in Unix seconds by the wall clock.
 */
import { GRACE_SECONDS } from './rotation.ts';

export class Watermark {
  #drainedFrom = 0;
  #readUntil = 0;
  #observedUntil = 0;
  #stoppedAt = Number.POSITIVE_INFINITY;

  /** When the last drain began. */
  get drainedFrom(): number {
    return this.#drainedFrom;
  }

  /** When the intake was stopped: nothing that arrived later comes in. Infinity as long as it continues. */
  get stoppedAt(): number {
    return this.#stoppedAt;
  }

  get isStopped(): boolean {
    return this.#stoppedAt < Number.POSITIVE_INFINITY;
  }

  /** What arrived before has been read, even if the capture ends without another packet. */
  get readUntil(): number {
    return this.#readUntil;
  }

  /** Before this, less a grace, everything is in the windows and their notes; 0 until the first note. */
  get observedUntil(): number {
    return this.#observedUntil;
  }

  beginDrain(seconds: number): void {
    this.#drainedFrom = seconds;
  }

  /** A capture begins. */
  beginCapture(seconds: number): void {
    this.#readUntil = seconds;
  }

  /** A batch was read whose first packet has this time. */
  readBatch(firstSeconds: number): void {
    this.#readUntil = firstSeconds;
  }

  /** Nothing more waits but what the engine holds back. */
  readAll(holdMs: number): void {
    this.#readUntil = Math.min(this.#drainedFrom - holdMs / 1000, this.#stoppedAt);
  }

  /** How far everything is taken in: after a whole drain, or under a backlog with this current window. */
  reached(isDrained: boolean, currentStart: number | undefined): number {
    const drainedFrom = Math.min(this.#drainedFrom, this.#stoppedAt);
    return isDrained ? drainedFrom : Math.max(this.#observedUntil, (currentStart ?? 0) + GRACE_SECONDS);
  }

  noted(untilSeconds: number): void {
    this.#observedUntil = untilSeconds;
  }

  stopIntake(seconds: number): void {
    this.#stoppedAt = seconds;
  }

  setForward(toSeconds: number): void {
    this.#readUntil = Math.max(this.#readUntil, toSeconds);
  }

  setBack(toSeconds: number): void {
    this.#observedUntil = Math.min(this.#observedUntil, toSeconds);
  }
}
