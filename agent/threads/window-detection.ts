/**
 * Runs the rules over windows once they are durable, in the recorder's thread: their tables are still mapped then, and nothing of the packet
 * path or of the disk is pending on it. Windows of several interfaces that end at the same time are one: it ends when a later one
 * comes, or when none came for a moment.
 *
 * Limits: a window's first `RECORDS_MAX` records; one flow log for each interface, so that no packet counts twice. What is left out is counted.
 */
import type { Analysis } from '../../analyses/analysis.ts';
import { Detector } from '../../detect/detector.ts';
import { type LookedAt, sumOfUse } from '../../detect/looked-at.ts';
import { createObserved } from '../../detect/observed.ts';
import type { Signal } from '../../detect/signal.ts';
import type { EndedWindow } from '../../detect/window-observer.ts';
import type { FlowLog } from '../model/flow-log.ts';
import { createFlowRecord, type RecordCursor } from '../model/flow-record.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { AddressPseudonyms } from '../privacy/address-pseudonyms.ts';
import { pseudonymisedRecords } from '../privacy/pseudonymised.ts';
import { columnsOf } from '../record/field-columns.ts';
import type { RecordedWindow } from '../spool/recorder.ts';
import { type AnnotatorsOf, annotated } from './annotators.ts';
import { observeRecord } from './observed-record.ts';

/** What runs; it crosses to the thread as a structured clone. */
export interface DetectionPlan {
  readonly catalogue: readonly Analysis[];
  /** Names; undefined for those that run by default. */
  readonly rules: readonly string[] | undefined;
}

/** At the end of a window. */
export interface Detected {
  /** Unix seconds. */
  readonly windowEnd: number;
  readonly signals: readonly Signal[];
  readonly looked: LookedAt;
}

export interface WindowDetectionOptions extends DetectionPlan {
  readonly annotatorsOf: AnnotatorsOf;
  readonly pseudonyms: AddressPseudonyms | undefined;
  /** Calls once after a delay, unless what it answers is called before. */
  readonly after: (delayMs: number, call: () => void) => () => void;
  readonly onDetected: (detected: Detected) => void;
}

export const RECORDS_MAX = 500_000;
/** All interfaces close their windows in the same round of the data plane. */
const QUIET_MS = 1000;
const INTERFACES_MAX = 1024;
/** Findings name them, so a flow log that leaves one of them out of its records has none. */
const ENDPOINT_FIELDS = ['srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol'];

export class WindowDetection {
  readonly #options: WindowDetectionOptions;
  readonly #detector: Detector;
  /** By what is written of them, which has less. */
  readonly #windows = new WeakMap<RecordedWindow, RecordedWindow>();
  /** Which flow log observes an interface, and the end of its last window. */
  readonly #observers = new Map<string, { readonly flowLogId: string; readonly end: number }>();
  readonly #record = createFlowRecord();
  readonly #observed = createObserved();
  #current: EndedWindow = { start: 0, end: 0 };
  #isOpen = false;
  #recordsOfWindow = 0;
  #cancelEnd: (() => void) | undefined;
  readonly #numbers = { records: 0, recordsLeftOut: 0, windowsLeftOut: 0 };

  /** @throws Error with a sentence where a rule is unknown */
  constructor(options: WindowDetectionOptions) {
    const { catalogue, rules } = options;
    this.#options = options;
    this.#detector = new Detector(catalogue, rules === undefined ? {} : { rules });
  }

  /** Before it is durable. @param written the same window, as it is written */
  expect(window: RecordedWindow, written: RecordedWindow): void {
    this.#windows.set(written, window);
  }

  /** It is durable, and not yet released. */
  observe(written: RecordedWindow): void {
    const window = this.#windows.get(written);
    const records = window && this.#recordsOf(window);
    if (window === undefined || records === undefined || !this.#isObserver(window)) return;
    const { windowStart: start, windowSeconds } = window.header;
    const end = start + windowSeconds;
    if (end < this.#current.end) {
      this.#numbers.windowsLeftOut++;
      return;
    }
    if (end > this.#current.end) this.#begin({ start, end });
    this.#isOpen = true;
    this.#observeAll(records, { start, end });
    this.#cancelEnd?.();
    this.#cancelEnd = this.#options.after(QUIET_MS, () => this.end());
  }

  /** Ends the window that is open. */
  end(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const signals = this.#detector.close(this.#current);
    this.#options.onDetected({ windowEnd: this.#current.end, signals, looked: this.#looked() });
  }

  #begin(window: EndedWindow): void {
    this.end();
    this.#current = window;
    this.#recordsOfWindow = 0;
  }

  #observeAll(records: () => RecordCursor, window: EndedWindow): void {
    try {
      for (const cursor = records(); cursor.next(this.#record); ) {
        if (++this.#recordsOfWindow > RECORDS_MAX) {
          this.#numbers.recordsLeftOut++;
          continue;
        }
        observeRecord(this.#observed, this.#record, window);
        this.#detector.observe(this.#observed);
        this.#numbers.records++;
      }
    } catch (error) {
      // Memory is short; the window is durable all the same.
      if (!(error instanceof OperationalError)) throw error;
      this.#numbers.windowsLeftOut++;
    }
  }

  /** With all that is known of them, and with the addresses that the flow log may show; undefined where it may show none. */
  #recordsOf(window: RecordedWindow): (() => RecordCursor) | undefined {
    const { annotatorsOf, pseudonyms } = this.#options;
    const { flowLog } = window.point;
    if (!showsEndpoints(flowLog)) return undefined;
    const known = annotated(window, annotatorsOf);
    if (flowLog.addresses !== 'pseudonymised') return () => known.records();
    return pseudonyms && (() => pseudonymisedRecords(known.records(), pseudonyms));
  }

  #isObserver({ point: { interfaceId, flowLog }, header: { windowStart, windowSeconds } }: RecordedWindow): boolean {
    const end = windowStart + windowSeconds;
    const known = this.#observers.get(interfaceId);
    const isFirst = known === undefined || known.flowLogId === flowLog.id || known.end < windowStart;
    if (this.#observers.size >= INTERFACES_MAX) this.#observers.clear();
    if (isFirst) this.#observers.set(interfaceId, { flowLogId: flowLog.id, end: Math.max(end, known?.end ?? 0) });
    return isFirst;
  }

  #looked(): LookedAt {
    const { records, recordsLeftOut: skipped, windowsLeftOut: skippedWindows } = this.#numbers;
    return { ...NONE, records, skipped, skippedWindows, ...sumOfUse(this.#detector.use.values()) };
  }
}

/** Packets have right addresses, and windows that are not of the future. */
const NONE = { ahead: 0, invalidAddresses: 0, invalidNumbers: 0, invalidTimes: 0 };

function showsEndpoints({ resourceType, fields }: FlowLog): boolean {
  if (fields.length === 0) return true;
  const names = new Set((columnsOf(resourceType, fields) ?? []).map(({ field }) => field.name));
  return ENDPOINT_FIELDS.every((name) => names.has(name as never));
}
