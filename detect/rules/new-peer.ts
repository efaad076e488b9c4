import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';

const COLUMNS = ['srcaddr', 'dstaddr'] as const;

class Entry extends Evidence {
  packets = 0;
  bytes = 0;
}

export function newPeer({ recent = 0, packets: packetsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ action, sourceAddress, destinationAddress }) =>
      action === 'ACCEPT' ? `${sourceAddress} ${destinationAddress}` : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      entry.bytes += record.bytes;
      return 0;
    },
    // The one that was not seen for the longest time is forgotten first.
    weight: ({ until }) => until,
    rows: (entry, key, { end }) => {
      const { since, packets, bytes } = entry;
      return since >= end - recent && packets >= packetsMin
        ? [rowOf(COLUMNS, key, entry, { first_seen: since, packets, bytes })]
        : [];
    },
  };
}
