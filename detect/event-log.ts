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

/** The last events of a book of findings, for readers that come and go. */
export class EventLog {
  /** Another one where a log begins anew; empty for those of a version that gave none. */
  readonly id: string;
  readonly #events: NumberedEvent[] = [];
  #last = 0;

  constructor(id = '') {
    this.id = id;
  }

  /** @throws Error that says what is wrong with the snapshot */
  static restore(snapshot: unknown): EventLog {
    const { id = '', last, events } = (snapshot ?? {}) as { id?: unknown; last?: unknown; events?: unknown };
    if (!isCount(last) || !Array.isArray(events) || events.length > EVENTS_MAX) throw new Error('no log of events');
    const log = new EventLog(String(id).slice(0, ID_LENGTH_MAX));
    log.#last = last;
    for (const [index, event] of (events as readonly NumberedEvent[]).entries()) {
      if (event?.sequence !== last - events.length + index + 1 || typeof event.finding !== 'object')
        throw new Error(`event ${index} is out of order`);
      log.#events.push(event);
    }
    return log;
  }

  /** The number of the last event; 0 before the first. */
  get cursor(): number {
    return this.#last;
  }

  add(events: readonly FindingEvent[]): void {
    for (const event of events) this.#events.push({ sequence: ++this.#last, ...event });
    this.#events.splice(0, this.#events.length - EVENTS_MAX);
  }

  /** A cursor that never was one, because the log began anew since, counts as the beginning. @param limit of events */
  after(cursor: number, limit = EVENTS_OF_ANSWER_MAX): EventsAfter {
    const first = this.#last - this.#events.length;
    const from = cursor > this.#last ? 0 : cursor;
    const events = this.#events.slice(Math.max(0, from - first)).slice(0, limit);
    return { events, cursor: events.at(-1)?.sequence ?? this.#last, missed: Math.max(0, first - from) };
  }

  snapshot(): unknown {
    return { id: this.id, last: this.#last, events: this.#events };
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
