import type { Observed } from './observed.ts';
import type { Signal } from './signal.ts';

/** One rule over the records of some time, window after window, in limited memory. */
export interface WindowObserver {
  /** Name of an analysis of the catalogue. */
  readonly rule: string;
  observe(record: Observed): void;
  /**
   * Ends a window: all its records were observed. What is found is what the analysis finds in the records of the rule's span so far.
   * The most severe first.
   */
  close(window: EndedWindow): readonly Signal[];
  readonly use: ObserverUse;
}

/** Unix seconds. */
export interface EndedWindow {
  readonly start: number;
  readonly end: number;
}

/** What an observer holds, and what was more than it may hold. Counters only grow. */
export interface ObserverUse {
  /** Subjects that it knows, now and at most. */
  readonly subjects: number;
  readonly subjectsMax: number;
  /** Subjects that were forgotten, or never taken in, because there were too many; the weakest first. */
  readonly evicted: number;
  /** Values (ports, hosts, connections) of subjects, now and at most. */
  readonly values: number;
  readonly valuesMax: number;
  /** Records of a span that had ended already. */
  readonly late: number;
  /** Signals beyond `SIGNALS_MAX` of a window. */
  readonly unreported: number;
}

/** Of one rule at the end of one window. */
export const SIGNALS_MAX = 1000;
