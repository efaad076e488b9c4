import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';

const COLUMNS = ['client', 'server'] as const;

class Entry extends Evidence {
  sent = 0;
  received = 0;
}

export function exfiltration({ bytes: sentMin = 0, ratio = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ initiator, sourceAddress, destinationAddress }) => {
      if (initiator === 'source') return `${sourceAddress} ${destinationAddress}`;
      return initiator === 'destination' ? `${destinationAddress} ${sourceAddress}` : undefined;
    },
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      if (record.initiator === 'source') entry.sent += record.bytes;
      else entry.received += record.bytes;
      return 0;
    },
    weight: ({ sent, received }) => sent + received,
    rows: (entry, key) => {
      const { sent, received } = entry;
      return sent > sentMin && sent > received * ratio ? [rowOf(COLUMNS, key, entry, { sent, received })] : [];
    },
  };
}
