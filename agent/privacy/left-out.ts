/**
 * What the list of fields of a flow log does not name is erased before a record is encoded, so that no file and no sink has it. A value stays where a
 * named field needs it: an address for the translated one beside it, ports and protocol for each other. Records are not merged; times and counts stay.
 */
import type { Annotations } from '../model/annotations.ts';
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import type { Ledger } from '../model/ledger.ts';
import type { Column } from '../record/field-columns.ts';

type Numbers<Owner> = { [Name in keyof Owner]: Owner[Name] extends number ? Name : never }[keyof Owner];

interface Part {
  /** It stays where one of these is named. */
  readonly shownBy: readonly string[];
  readonly numbers?: readonly Exclude<Numbers<FlowRecord>, 'family'>[];
  readonly annotations?: readonly Numbers<Annotations>[];
}

const PORTS = ['srcport', 'dstport', 'pkt-srcport', 'pkt-dstport'];

const PARTS: readonly Part[] = [
  { shownBy: ['srcaddr', 'pkt-srcaddr'], numbers: ['source0', 'source1', 'source2', 'source3'] },
  {
    shownBy: ['dstaddr', 'pkt-dstaddr'],
    numbers: ['destination0', 'destination1', 'destination2', 'destination3'],
  },
  { shownBy: ['srcport', 'pkt-srcport'], numbers: ['sourcePort'] },
  { shownBy: ['dstport', 'pkt-dstport'], numbers: ['destinationPort'] },
  { shownBy: ['protocol', ...PORTS], numbers: ['protocol'] },
  { shownBy: ['tcp-flags'], numbers: ['tcpFlags'] },
  {
    shownBy: ['pkt-srcaddr'],
    annotations: ['translatedSource0', 'translatedSource1', 'translatedSource2', 'translatedSource3'],
  },
  {
    shownBy: ['pkt-dstaddr'],
    annotations: [
      'translatedDestination0',
      'translatedDestination1',
      'translatedDestination2',
      'translatedDestination3',
    ],
  },
  { shownBy: ['pkt-srcport'], annotations: ['translatedSourcePort'] },
  { shownBy: ['pkt-dstport'], annotations: ['translatedDestinationPort'] },
];

/** @param columns what the records show */
export function withoutOthers(cursor: RecordCursor, columns: readonly Column[]): RecordCursor {
  const named = new Set(columns.map(({ field }) => field.name));
  const erased = PARTS.filter(({ shownBy }) => !shownBy.some((name) => named.has(name)));
  if (erased.length === 0) return cursor;
  const numbers = erased.flatMap((part) => part.numbers ?? []);
  const annotations = erased.flatMap((part) => part.annotations ?? []);
  return {
    next(record) {
      if (!cursor.next(record)) return false;
      for (const name of numbers) record[name] = 0;
      if (record.isAnnotated) for (const name of annotations) record.annotations[name] = 0;
      return true;
    },
  };
}

/** Largest peers of exclusion rules have both addresses, so they stay where both are named. */
export function ledgerWithoutOthers(ledger: Ledger, columns: readonly Column[]): Ledger {
  const showsBoth = ['srcaddr', 'dstaddr'].every((name) => columns.some(({ field }) => field.name === name));
  return showsBoth ? ledger : { ...ledger, excludedPeers: {} };
}
