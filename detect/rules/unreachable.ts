import type { ParameterValues } from '../../analyses/question.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import type { Subject } from '../signal.ts';

/** By protocol, types of messages that something cannot be reached: ICMP 3; ICMPv6 1, and 2 for packets that are too large. */
const TYPES: ReadonlyMap<number, readonly number[]> = new Map([
  [1, [3]],
  [58, [1, 2]],
]);

interface Entry extends Evidence {
  readonly subject: Subject;
  packets: number;
}

export function unreachable({ packets: packetsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, icmpType, icmpCode, sourceAddress, destinationAddress }) =>
      icmpType !== undefined && TYPES.get(protocol)?.includes(icmpType)
        ? `${sourceAddress} ${destinationAddress} ${protocol} ${icmpType} ${icmpCode}`
        : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      subject: {
        reporter: record.sourceAddress,
        sender: record.destinationAddress,
        protocol: record.protocol,
        'icmp-type': record.icmpType ?? 0,
        'icmp-code': record.icmpCode ?? 0,
      },
      packets: 0,
    }),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      return 0;
    },
    weight: ({ packets }) => packets,
    rows: ({ subject, packets, since, until }) =>
      packets >= packetsMin ? [{ subject, figures: { packets }, since, until }] : [],
  };
}
