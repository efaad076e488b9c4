import type { ParameterValues } from '../../analyses/question.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import type { Subject } from '../signal.ts';
import { TCP, UDP } from '../tcp.ts';

interface Entry extends Evidence {
  readonly subject: Subject;
  packets: number;
  bytes: number;
}

export function longConnection({ seconds: secondsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, sourceAddress, sourcePort, destinationAddress, destinationPort }) =>
      (protocol === TCP || protocol === UDP) && sourcePort >= destinationPort
        ? `${sourceAddress} ${sourcePort} ${destinationAddress} ${destinationPort} ${protocol}`
        : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      subject: {
        srcaddr: record.sourceAddress,
        srcport: record.sourcePort,
        dstaddr: record.destinationAddress,
        dstport: record.destinationPort,
        protocol: record.protocol,
      },
      packets: 0,
      bytes: 0,
    }),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      entry.bytes += record.bytes;
      return 0;
    },
    weight: ({ since, until }) => until - since,
    rows: ({ subject, packets, bytes, since, until }) =>
      until - since >= secondsMin
        ? [{ subject, figures: { seconds: until - since, packets, bytes }, since, until }]
        : [],
  };
}
