import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';
import { TCP, UDP } from '../tcp.ts';

const COLUMNS = ['srcaddr', 'srcport', 'dstaddr', 'dstport', 'protocol'] as const;

class Entry extends Evidence {
  packets = 0;
  bytes = 0;
}

export function longConnection({ seconds: secondsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, sourceAddress, sourcePort, destinationAddress, destinationPort }) =>
      (protocol === TCP || protocol === UDP) && sourcePort >= destinationPort
        ? `${sourceAddress} ${sourcePort} ${destinationAddress} ${destinationPort} ${protocol}`
        : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      entry.bytes += record.bytes;
      return 0;
    },
    weight: ({ since, until }) => until - since,
    rows: (entry, key) => {
      const { since, until, packets, bytes } = entry;
      const seconds = until - since;
      return seconds >= secondsMin ? [rowOf(COLUMNS, key, entry, { seconds, packets, bytes })] : [];
    },
  };
}
