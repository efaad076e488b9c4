/**
 * The other side of the host's address translation in each record, and who began the conversation, from the kernel's
 * connections. What the kernel does not track, or no longer knows, is `unmatched` and counted.
 */
import type { FlowRecord } from '../model/flow-record.ts';
import type { AnnotatedWindow, RecordAnnotator } from '../model/record-annotator.ts';
import { hasPorts, isIcmpError } from './connection.ts';
import type { ConnectionTracker } from './connection-tracker.ts';
import { UNMATCHED } from './translation-table.ts';
import { DESTINATION, PORTS, TUPLE_WORDS, type Tuple } from './tuple.ts';

/** Records that were looked up, by the outcome. A window that has to be written again counts again. */
export interface TranslationCounters {
  matched: number;
  same: number;
  unmatched: number;
  /** Of the matched and the same: another connection, translated otherwise, had the record's tuple in the same time. */
  ambiguous: number;
}

/** A large window takes seconds, in which events must not pile up in the kernel. */
const RECORDS_BETWEEN_POLLS = 1 << 14;

export class TranslationAnnotator implements RecordAnnotator {
  readonly #tracker: ConnectionTracker;
  readonly #tuple: Tuple = new Int32Array(TUPLE_WORDS);
  readonly #other: Tuple = new Int32Array(TUPLE_WORDS);
  #windowMs = 0;
  #untilPoll = RECORDS_BETWEEN_POLLS;
  readonly counters: TranslationCounters = { matched: 0, same: 0, unmatched: 0, ambiguous: 0 };

  constructor(tracker: ConnectionTracker) {
    this.#tracker = tracker;
  }

  begin({ point, windowStart }: AnnotatedWindow): void {
    this.#windowMs = windowStart * 1000;
    // A flow log of longer windows than were known at the start may have come.
    this.#tracker.remember(point.flowLog.windowSeconds);
    this.#tracker.poll();
  }

  annotate(record: FlowRecord): void {
    if (--this.#untilPoll === 0) {
      this.#untilPoll = RECORDS_BETWEEN_POLLS;
      this.#tracker.poll();
    }
    const { table } = this.#tracker;
    const match = this.#find(record);
    record.isAnnotated = true;
    if (match === UNMATCHED) {
      record.annotations.translation = 'unmatched';
      this.counters.unmatched++;
      return;
    }
    const translation = table.otherSide(match, this.#other) ? 'matched' : 'same';
    record.annotations.translation = translation;
    record.annotations.initiator = table.isOriginal(match) ? 'source' : 'destination';
    record.annotations.initiatorEvidence = 'conntrack';
    if (translation === 'matched') writeOther(record, this.#other);
    if (table.isAmbiguous) this.counters.ambiguous++;
    this.counters[translation]++;
  }

  #find(record: FlowRecord): number {
    const { family, protocol, icmpType, firstMicroseconds, lastMicroseconds } = record;
    if (isIcmpError(protocol, icmpType)) return UNMATCHED;
    loadTuple(record, this.#tuple);
    const firstMs = this.#windowMs + firstMicroseconds / 1000;
    const lastMs = this.#windowMs + lastMicroseconds / 1000;
    return this.#tracker.table.find(this.#tuple, family, protocol, firstMs, lastMs);
  }
}

function loadTuple(record: FlowRecord, into: Tuple): void {
  const isIpv6 = record.family === 6;
  into[0] = record.source0;
  into[1] = isIpv6 ? record.source1 : 0;
  into[2] = isIpv6 ? record.source2 : 0;
  into[3] = isIpv6 ? record.source3 : 0;
  into[DESTINATION] = record.destination0;
  into[DESTINATION + 1] = isIpv6 ? record.destination1 : 0;
  into[DESTINATION + 2] = isIpv6 ? record.destination2 : 0;
  into[DESTINATION + 3] = isIpv6 ? record.destination3 : 0;
  into[PORTS] = hasPorts(record.protocol) ? (record.sourcePort << 16) | record.destinationPort : 0;
}

function writeOther({ annotations }: FlowRecord, other: Tuple): void {
  annotations.translatedSource0 = other[0]! >>> 0;
  annotations.translatedSource1 = other[1]! >>> 0;
  annotations.translatedSource2 = other[2]! >>> 0;
  annotations.translatedSource3 = other[3]! >>> 0;
  annotations.translatedDestination0 = other[DESTINATION]! >>> 0;
  annotations.translatedDestination1 = other[DESTINATION + 1]! >>> 0;
  annotations.translatedDestination2 = other[DESTINATION + 2]! >>> 0;
  annotations.translatedDestination3 = other[DESTINATION + 3]! >>> 0;
  annotations.translatedSourcePort = other[PORTS]! >>> 16;
  annotations.translatedDestinationPort = other[PORTS]! & 0xffff;
}
