import type { ParameterValues } from '../../analyses/question.ts';
import type { Observed } from '../observed.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';

interface Entry extends Evidence {
  readonly client: string;
  readonly server: string;
  sent: number;
  received: number;
}

export function exfiltration({ bytes: sentMin = 0, ratio = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: (record) => {
      const { initiator } = record;
      if (initiator !== 'source' && initiator !== 'destination') return undefined;
      const { client, server } = sidesOf(record);
      return `${client} ${server}`;
    },
    create: (record) => ({ ...evidenceOf(record), ...sidesOf(record), sent: 0, received: 0 }),
    add: (entry, record) => {
      extend(entry, record);
      if (record.initiator === 'source') entry.sent += record.bytes;
      else entry.received += record.bytes;
      return 0;
    },
    weight: ({ sent, received }) => sent + received,
    rows: ({ client, server, sent, received, since, until }) =>
      sent > sentMin && sent > received * ratio
        ? [{ subject: { client, server }, figures: { sent, received }, since, until }]
        : [],
  };
}

function sidesOf({ initiator, sourceAddress, destinationAddress }: Observed) {
  return initiator === 'source'
    ? { client: sourceAddress, server: destinationAddress }
    : { client: destinationAddress, server: sourceAddress };
}
