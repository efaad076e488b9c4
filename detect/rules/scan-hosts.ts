import type { Analysis } from '../../analyses/analysis.ts';
import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';
import { SYN_ALONE, TCP } from '../tcp.ts';

const COLUMNS = ['srcaddr', 'dstport'] as const;

class Entry extends Evidence {
  readonly hosts = new Distinct();
}

export function scanHosts({ hosts: hostsMin = 0 }: ParameterValues, { query }: Pick<Analysis, 'query'>): Rule<Entry> {
  const sensitivePorts = portsIn(query);
  return {
    limits: { subjectsMax: 8192, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, sourceAddress, destinationPort }) =>
      protocol === TCP && tcpFlags === SYN_ALONE ? `${sourceAddress} ${destinationPort}` : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      return entry.hosts.add(hash53(record.destinationAddress));
    },
    weight: ({ hosts }) => hosts.count,
    rows: (entry, key) => {
      const { count, isExact } = entry.hosts;
      if (count < hostsMin) return [];
      const sensitive = sensitivePorts.has(Number(key.split(' ')[1])) ? count : 0;
      return [rowOf(COLUMNS, key, entry, { hosts: count, sensitive }, !isExact)];
    },
  };
}

/** The list is in the query, and nowhere else. */
function portsIn(query: string): ReadonlySet<number> {
  const list = /dstport in \(([\d, ]+)\)/.exec(query)?.[1];
  if (list === undefined) throw new Error('scan-hosts: the query names no sensitive ports');
  return new Set(list.split(',').map(Number));
}
