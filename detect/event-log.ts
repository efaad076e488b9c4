import type { FindingEvent } from './finding.ts';

/** An event with its number: one more than that of the event before, also over restarts. */
export interface NumberedEvent extends FindingEvent {
  readonly sequence: number;
}

/** What happened after a cursor. */
export interface EventsAfter {
  readonly events: readonly NumberedEvent[];
  /** To ask with for what happens afterwards. */
  readonly cursor: number;
  /** Events after the asked cursor that were forgotten because there were too many. */
  readonly missed: number;
}

/** Of events that are remembered for those who follow; each is about a kilobyte. */
export const EVENTS_MAX = 1000;
/** Of one answer. */
export const EVENTS_OF_ANSWER_MAX = 200;
const ID_LENGTH_MAX = 64;

/**
 * The last events of a book of findings, for readers that come and go.
 *
 *     note()  part of the next snapshot, and shown to nobody: before it is durable, a crash would give its number to another event
 *     show()  those up to a number are there for who follows
 */
export class EventLog {
  /** Another one where a log begins anew; empty for those of a version that gave none. */
  readonly id: string;
  readonly #events: NumberedEvent[] = [];
  #last = 0;
  #shown = 0;

  constructor(id = '') {
    this.id = id;
  }

  /**
   * An event that is not right is left out with those before it: numbers have no gaps.
   * @param onLeftOut told how many
   * @throws Error that says what is wrong with the snapshot
   */
  static restore(snapshot: unknown, onLeftOut: (events: number) => void): EventLog {
    const { id = '', last, events } = (snapshot ?? {}) as { id?: unknown; last?: unknown; events?: unknown };
    if (!isCount(last) || !Array.isArray(events) || events.length > EVENTS_MAX) throw new Error('no log of events');
    const isRight = (event: unknown, index: number) => isEvent(event, last - events.length + index + 1);
    const wrong = events.findLastIndex((event, index) => !isRight(event, index));
    if (wrong >= 0) onLeftOut(wrong + 1);
    const log = new EventLog(String(id).slice(0, ID_LENGTH_MAX));
    log.#last = last;
    log.#shown = last;
    log.#events.push(...(events as readonly NumberedEvent[]).slice(wrong + 1));
    return log;
  }

  /** The number of the last event that is shown; 0 before the first. */
  get cursor(): number {
    return this.#shown;
  }

  add(events: readonly FindingEvent[]): void {
    this.show(this.note(events));
  }

  /** Answers the number of the last one. */
  note(events: readonly FindingEvent[]): number {
    for (const event of events) this.#events.push({ sequence: ++this.#last, ...event });
    this.#events.splice(0, this.#events.length - EVENTS_MAX);
    return this.#last;
  }

  /** @param sequence of the last that is shown */
  show(sequence: number): void {
    this.#shown = Math.max(this.#shown, sequence);
  }

  /** A cursor that never was one, because the log began anew since, counts as the beginning. @param limit of events */
  after(cursor: number, limit = EVENTS_OF_ANSWER_MAX): EventsAfter {
    const first = this.#last - this.#events.length;
    const from = cursor > this.#shown ? 0 : cursor;
    const shown = this.#events.slice(Math.max(0, from - first), Math.max(0, this.#shown - first));
    const events = shown.slice(0, limit);
    return {
      events,
      cursor: events.at(-1)?.sequence ?? this.#shown,
      missed: Math.max(0, Math.min(first, this.#shown) - from),
    };
  }

  snapshot(): unknown {
    return { id: this.id, last: this.#last, events: this.#events };
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isEvent(value: unknown, sequence: number): boolean {
  const event = value as Partial<NumberedEvent> | null | undefined;
  return event?.sequence === sequence && typeof event.finding === 'object' && event.finding !== null;
}
