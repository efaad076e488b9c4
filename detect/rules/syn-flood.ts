import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import { hasSyn, SYN_ALONE, TCP } from '../tcp.ts';

interface Entry extends Evidence {
  readonly dstaddr: string;
  readonly dstport: number;
  halfOpen: number;
  attempts: number;
  readonly sources: Distinct;
}

export function synFlood({ halfOpen: halfOpenMin = 0, share = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, destinationAddress, destinationPort }) =>
      protocol === TCP && tcpFlags !== undefined && hasSyn(tcpFlags)
        ? `${destinationAddress} ${destinationPort}`
        : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      dstaddr: record.destinationAddress,
      dstport: record.destinationPort,
      halfOpen: 0,
      attempts: 0,
      sources: new Distinct(),
    }),
    add: (entry, record) => {
      extend(entry, record);
      entry.attempts += record.tcpFlags === SYN_ALONE ? record.packets : 1;
      if (record.tcpFlags !== SYN_ALONE) return 0;
      entry.halfOpen += record.packets;
      return entry.sources.add(hash53(record.sourceAddress));
    },
    weight: ({ attempts }) => attempts,
    rows: ({ dstaddr, dstport, halfOpen, attempts, sources, since, until }) => {
      const figures = { half_open: halfOpen, attempts, sources: sources.count };
      return halfOpen >= halfOpenMin && halfOpen > attempts * share
        ? [{ subject: { dstaddr, dstport }, figures, since, until, isEstimate: !sources.isExact }]
        : [];
    },
  };
}
