import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import { SYN_ALONE, TCP } from '../tcp.ts';

interface Entry extends Evidence {
  readonly srcaddr: string;
  readonly dstaddr: string;
  readonly ports: Distinct;
}

export function scanPorts({ ports: portsMin = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, sourceAddress, destinationAddress }) =>
      protocol === TCP && tcpFlags === SYN_ALONE ? `${sourceAddress} ${destinationAddress}` : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      srcaddr: record.sourceAddress,
      dstaddr: record.destinationAddress,
      ports: new Distinct(),
    }),
    add: (entry, record) => {
      extend(entry, record);
      return entry.ports.add(hash53(String(record.destinationPort)));
    },
    weight: ({ ports }) => ports.count,
    rows: ({ srcaddr, dstaddr, ports, since, until }) =>
      ports.count < portsMin
        ? []
        : [
            {
              subject: { srcaddr, dstaddr },
              figures: { ports: ports.count },
              since,
              until,
              isEstimate: !ports.isExact,
            },
          ],
  };
}
