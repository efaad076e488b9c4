/**
 * Sends what becomes of findings on its way to the sinks, as records of their own: to the recorder's thread, which makes batches of them durable.
 * At most `PENDING_MAX` are on their way there; over that new ones are dropped, and counted.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Analysis } from '../../analyses/analysis.ts';
import { recordsBehind } from '../../analyses/question.ts';
import type { NumberedEvent } from '../../detect/event-log.ts';
import type { FindingRecord } from '../model/finding-record.ts';

export const PENDING_MAX = 1000;
/** Of a text that comes from records; those of the catalogue are shorter. */
const TEXT_LENGTH_MAX = 1000;

interface Sent {
  readonly log: string;
  readonly sequence: number;
}

export class FindingShipping {
  readonly #port: Pick<MessagePort, 'postMessage'>;
  readonly #pending = new Map<string, Sent>();
  #droppedRecords = 0;

  constructor(port: Pick<MessagePort, 'postMessage'>) {
    this.#port = port;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get droppedRecords(): number {
    return this.#droppedRecords;
  }

  send(event: NumberedEvent, log: string, analysis: Analysis | undefined): void {
    const record = recordOf(event, log, analysis);
    if (this.#pending.size >= PENDING_MAX) {
      this.#droppedRecords++;
      return;
    }
    this.#pending.set(record.uid, { log, sequence: event.sequence });
    this.#port.postMessage([record] satisfies readonly FindingRecord[]);
  }

  /** They are durable: answers the last of them; undefined where none was on its way. */
  durable(uids: readonly string[]): Sent | undefined {
    let last: Sent | undefined;
    for (const uid of uids) {
      last = this.#pending.get(uid) ?? last;
      this.#pending.delete(uid);
    }
    return last;
  }
}

function recordOf(
  { sequence, change, at, finding }: NumberedEvent,
  log: string,
  analysis: Analysis | undefined,
): FindingRecord {
  const { id, rule, state, severity, worstSeverity, figures, firstSeen, lastSeen, windows, times, isCoarse } = finding;
  const subject = Object.entries(finding.subject).map(([name, value]) => [name, cut(String(value))] as const);
  return {
    uid: `${log}-${sequence}`,
    ...{ change, at, id, rule, title: analysis?.title ?? rule, state, severity, worstSeverity },
    subject: Object.fromEntries(subject),
    ...{ figures, firstSeen, lastSeen, windows, times, isCoarse },
    explainedBy: finding.explainedBy,
    mitre: analysis?.mitre ?? '',
    records: cut((analysis && recordsBehind(analysis, finding.subject)) ?? ''),
  };
}

function cut(text: string): string {
  return text.slice(0, TEXT_LENGTH_MAX);
}
