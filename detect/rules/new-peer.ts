import type { ParameterValues } from '../../analyses/question.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';

interface Entry extends Evidence {
  readonly srcaddr: string;
  readonly dstaddr: string;
  packets: number;
  bytes: number;
}

export function newPeer({ recent = 0, packets: packetsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ action, sourceAddress, destinationAddress }) =>
      action === 'ACCEPT' ? `${sourceAddress} ${destinationAddress}` : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      srcaddr: record.sourceAddress,
      dstaddr: record.destinationAddress,
      packets: 0,
      bytes: 0,
    }),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      entry.bytes += record.bytes;
      return 0;
    },
    // The one that was not seen for the longest time is forgotten first.
    weight: ({ until }) => until,
    rows: ({ srcaddr, dstaddr, packets, bytes, since, until }, { end }) =>
      since >= end - recent && packets >= packetsMin
        ? [{ subject: { srcaddr, dstaddr }, figures: { first_seen: since, packets, bytes }, since, until }]
        : [],
  };
}
