import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';
import { TCP, UDP } from '../tcp.ts';

const COLUMNS = ['srcaddr', 'dstaddr', 'protocol'] as const;

class Entry extends Evidence {
  fragments = 0;
  packets = 0;
}

/** All fragments but the first are without ports. */
export function fragments({ packets: fragmentsMin = 0, share = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, sourceAddress, destinationAddress }) =>
      protocol === TCP || protocol === UDP ? `${sourceAddress} ${destinationAddress} ${protocol}` : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      if (record.sourcePort === 0 && record.destinationPort === 0) entry.fragments += record.packets;
      return 0;
    },
    weight: ({ packets }) => packets,
    rows: (entry, key) => {
      const { fragments: number, packets } = entry;
      const figures = { fragments: number, packets, share: number / packets };
      return number >= fragmentsMin && number > packets * share ? [rowOf(COLUMNS, key, entry, figures)] : [];
    },
  };
}
