import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';
import { hasSyn, SYN_ALONE, TCP } from '../tcp.ts';

const COLUMNS = ['dstaddr', 'dstport'] as const;

class Entry extends Evidence {
  halfOpen = 0;
  attempts = 0;
  readonly sources = new Distinct();
}

export function synFlood({ halfOpen: halfOpenMin = 0, share = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 8192, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, destinationAddress, destinationPort }) =>
      protocol === TCP && tcpFlags !== undefined && hasSyn(tcpFlags)
        ? `${destinationAddress} ${destinationPort}`
        : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      entry.attempts += record.tcpFlags === SYN_ALONE ? record.packets : 1;
      if (record.tcpFlags !== SYN_ALONE) return 0;
      entry.halfOpen += record.packets;
      return entry.sources.add(hash53(record.sourceAddress));
    },
    weight: ({ attempts }) => attempts,
    rows: (entry, key) => {
      const { halfOpen, attempts, sources } = entry;
      const figures = { half_open: halfOpen, attempts, sources: sources.count };
      return halfOpen >= halfOpenMin && halfOpen > attempts * share
        ? [rowOf(COLUMNS, key, entry, figures, !sources.isExact)]
        : [];
    },
  };
}
