import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';
import { SYN_ALONE, TCP } from '../tcp.ts';

const COLUMNS = ['srcaddr', 'dstaddr'] as const;

class Entry extends Evidence {
  readonly ports = new Distinct();
}

export function scanPorts({ ports: portsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 8192, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, sourceAddress, destinationAddress }) =>
      protocol === TCP && tcpFlags === SYN_ALONE ? `${sourceAddress} ${destinationAddress}` : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      return entry.ports.add(hash53(String(record.destinationPort)));
    },
    weight: ({ ports }) => ports.count,
    rows: (entry, key) => {
      const { count, isExact } = entry.ports;
      return count < portsMin ? [] : [rowOf(COLUMNS, key, entry, { ports: count }, !isExact)];
    },
  };
}
