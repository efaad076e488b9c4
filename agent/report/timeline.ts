/**
 * When the packets of a report came: sums by steps of time.
 *
 * Steps are held as fine as the windows are, up to a limit, so that the order in which files come does not matter; what is drawn
 * is coarser, in sizes that people know, until it fits. Time without any window between two stretches is left out of the drawing:
 *
 *     ▂▅▇▂▁ ▂▃  ┊ 4 years 213 days ┊  ▃▂▅▁▂
 *     stretch                         stretch
 */
import { windowStart } from '../model/window-bounds.ts';
import type { Sums } from './ranking.ts';

/** Steps that are held at once; they are made coarser when there are more. */
export const STEPS_HELD_MAX = 16_384;
/** Steps of a drawing, empty ones included: as many bars as a screen has room for. */
export const STEPS_DRAWN_MAX = 240;
/** More stretches than these would hide the bars. */
export const STRETCHES_MAX = 12;
/** An empty time longer than this many steps is left out. */
export const EMPTY_STEPS_MAX = 12;

const DAY = 86_400;
const HUMAN_SECONDS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => 60 * minutes),
  ...[1, 2, 3, 6, 12].map((hours) => 3600 * hours),
  ...[1, 7, 28, 364].map((days) => DAY * days),
];
/** A step becomes no more times coarser at once, so that bars do not vanish for a round number. */
const COARSER_MAX = 30;

export interface Step extends Sums {
  rejectedBytes: number;
  /** A window in it lost packets or was not whole. */
  isIncomplete: boolean;
  /** Unix seconds of the first and the last packet in a record; infinite where there is none. */
  first: number;
  last: number;
}

interface PlacedStep {
  /** Unix seconds. */
  readonly start: number;
  readonly step: Step;
}

/** Steps without a long empty time between them. */
export interface Stretch {
  readonly placed: readonly PlacedStep[];
  /** Steps from the first to the last, empty ones included. */
  readonly length: number;
  readonly sum: Step;
}

export interface Drawing {
  readonly stepSeconds: number;
  /** Oldest first. */
  readonly stretches: readonly Stretch[];
}

export class Timeline {
  #stepSeconds: number;
  #steps = new Map<number, Step>();
  readonly #heldMax: number;

  constructor(windowSeconds: number, heldMax = STEPS_HELD_MAX) {
    this.#stepSeconds = windowSeconds;
    this.#heldMax = heldMax;
  }

  /** The step of a window, to be added to. */
  of(start: number): Step {
    const step = stepIn(this.#steps, windowStart(start, this.#stepSeconds));
    if (this.#steps.size <= this.#heldMax) return step;
    while (this.#steps.size > this.#heldMax) {
      this.#stepSeconds = coarser(this.#stepSeconds);
      this.#steps = merged(this.#steps, this.#stepSeconds);
    }
    return this.of(start);
  }

  /** All steps in one. */
  sum(): Step {
    const sum = createStep();
    for (const step of this.#steps.values()) addStep(sum, step);
    return sum;
  }

  /** Time from first to last packet, without the pauses: empty times that would be left out of a drawing of all steps. */
  activity(): { readonly seconds: number; readonly hasPauses: boolean } {
    const stretches = stretchesOf(this.#steps, this.#stepSeconds);
    const seconds = stretches.reduce((total, { sum: { first, last } }) => total + Math.max(0, last - first), 0);
    return { seconds, hasPauses: stretches.length > 1 };
  }

  /** What fits on a screen. */
  draw(stepsMax = STEPS_DRAWN_MAX): Drawing {
    let stepSeconds = this.#stepSeconds;
    let steps = this.#steps;
    for (;;) {
      const stretches = stretchesOf(steps, stepSeconds);
      const length = stretches.reduce((sum, stretch) => sum + stretch.length, 0);
      if (length <= stepsMax && stretches.length <= STRETCHES_MAX) return { stepSeconds, stretches };
      stepSeconds = coarser(stepSeconds);
      steps = merged(steps, stepSeconds);
    }
  }
}

function addStep(into: Step, from: Step): void {
  into.packets += from.packets;
  into.bytes += from.bytes;
  into.rejectedBytes += from.rejectedBytes;
  into.isIncomplete ||= from.isIncomplete;
  into.first = Math.min(into.first, from.first);
  into.last = Math.max(into.last, from.last);
}

function createStep(): Step {
  const never = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY };
  return { packets: 0, bytes: 0, rejectedBytes: 0, isIncomplete: false, ...never };
}

function stepIn(steps: Map<number, Step>, start: number): Step {
  let step = steps.get(start);
  if (step === undefined) {
    step = createStep();
    steps.set(start, step);
  }
  return step;
}

/** A multiple, so that every step lies in one coarser step: the next size that people know, else the double. */
function coarser(seconds: number): number {
  const human = HUMAN_SECONDS.find((size) => size > seconds && size % seconds === 0);
  return human !== undefined && human <= COARSER_MAX * seconds ? human : 2 * seconds;
}

function merged(steps: ReadonlyMap<number, Step>, stepSeconds: number): Map<number, Step> {
  const into = new Map<number, Step>();
  for (const [start, step] of steps) addStep(stepIn(into, windowStart(start, stepSeconds)), step);
  return into;
}

function stretchesOf(steps: ReadonlyMap<number, Step>, stepSeconds: number): Stretch[] {
  const stretches: PlacedStep[][] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const [start, step] of [...steps].sort(([left], [right]) => left - right)) {
    if (start - before > (EMPTY_STEPS_MAX + 1) * stepSeconds) stretches.push([]);
    stretches.at(-1)!.push({ start, step });
    before = start;
  }
  return stretches.map((placed) => stretchOf(placed, stepSeconds)).filter(isWorthALook);
}

/** Windows that have no packet in a record, because all were excluded or no IP, do not make a stretch. */
function isWorthALook({ sum }: Stretch): boolean {
  return sum.packets > 0 || sum.isIncomplete;
}

function stretchOf(placed: readonly PlacedStep[], stepSeconds: number): Stretch {
  const sum = createStep();
  for (const { step } of placed) addStep(sum, step);
  return { placed, sum, length: Math.round((placed.at(-1)!.start - placed[0]!.start) / stepSeconds) + 1 };
}
