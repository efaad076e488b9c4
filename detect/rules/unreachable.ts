import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';

/** By protocol, types of messages that something cannot be reached: ICMP 3; ICMPv6 1, and 2 for packets that are too large. */
const TYPES: ReadonlyMap<number, readonly number[]> = new Map([
  [1, [3]],
  [58, [1, 2]],
]);

const COLUMNS = ['reporter', 'sender', 'protocol', 'icmp-type', 'icmp-code'] as const;

class Entry extends Evidence {
  packets = 0;
}

export function unreachable({ packets: packetsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, icmpType, icmpCode, sourceAddress, destinationAddress }) =>
      icmpType !== undefined && icmpCode !== undefined && TYPES.get(protocol)?.includes(icmpType)
        ? `${sourceAddress} ${destinationAddress} ${protocol} ${icmpType} ${icmpCode}`
        : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      entry.packets += record.packets;
      return 0;
    },
    weight: ({ packets }) => packets,
    rows: (entry, key) => (entry.packets >= packetsMin ? [rowOf(COLUMNS, key, entry, { packets: entry.packets })] : []),
  };
}
