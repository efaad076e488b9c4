import type { Analysis } from '../../analyses/analysis.ts';
import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import { SYN_ALONE, TCP } from '../tcp.ts';

interface Entry extends Evidence {
  readonly srcaddr: string;
  readonly dstport: number;
  readonly hosts: Distinct;
}

export function scanHosts({ hosts: hostsMin = 0 }: ParameterValues, { query }: Pick<Analysis, 'query'>): Rule<Entry> {
  const sensitivePorts = portsIn(query);
  return {
    limits: { subjectsMax: 16_384, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, sourceAddress, destinationPort }) =>
      protocol === TCP && tcpFlags === SYN_ALONE ? `${sourceAddress} ${destinationPort}` : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      srcaddr: record.sourceAddress,
      dstport: record.destinationPort,
      hosts: new Distinct(),
    }),
    add: (entry, record) => {
      extend(entry, record);
      return entry.hosts.add(hash53(record.destinationAddress));
    },
    weight: ({ hosts }) => hosts.count,
    rows: ({ srcaddr, dstport, hosts: { count, isExact }, since, until }) => {
      const figures = { hosts: count, sensitive: sensitivePorts.has(dstport) ? count : 0 };
      return count < hostsMin ? [] : [{ subject: { srcaddr, dstport }, figures, since, until, isEstimate: !isExact }];
    },
  };
}

/** The list is in the query, and nowhere else. */
function portsIn(query: string): ReadonlySet<number> {
  const list = /dstport in \(([\d, ]+)\)/.exec(query)?.[1];
  if (list === undefined) throw new Error('scan-hosts: the query names no sensitive ports');
  return new Set(list.split(',').map(Number));
}
