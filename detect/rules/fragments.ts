import type { ParameterValues } from '../../analyses/question.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import { TCP, UDP } from '../tcp.ts';

interface Entry extends Evidence {
  readonly srcaddr: string;
  readonly dstaddr: string;
  readonly protocol: number;
  fragments: number;
  packets: number;
}

/** All fragments but the first are without ports. */
export function fragments({ packets: fragmentsMin = 0, share = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, sourceAddress, destinationAddress }) =>
      protocol === TCP || protocol === UDP ? `${sourceAddress} ${destinationAddress} ${protocol}` : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      srcaddr: record.sourceAddress,
      dstaddr: record.destinationAddress,
      protocol: record.protocol,
      fragments: 0,
      packets: 0,
    }),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      if (record.sourcePort === 0 && record.destinationPort === 0) entry.fragments += record.packets;
      return 0;
    },
    weight: ({ packets }) => packets,
    rows: ({ srcaddr, dstaddr, protocol, fragments: number, packets, since, until }) =>
      number >= fragmentsMin && number > packets * share
        ? [
            {
              subject: { srcaddr, dstaddr, protocol },
              figures: { fragments: number, packets, share: number / packets },
              since,
              until,
            },
          ]
        : [],
  };
}
