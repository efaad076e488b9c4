import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { Evidence, extend, type Rule, rowOf } from '../rule.ts';
import { hasSyn, TCP } from '../tcp.ts';

const RST = 4;
/** Packets of an answer that is nothing but a refusal. */
const PACKETS_MAX = 2;

const COLUMNS = ['server', 'port'] as const;

class Entry extends Evidence {
  answers = 0;
  refused = 0;
  readonly clients = new Distinct();
}

export function refused({ refused: refusedMin = 0, share = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 8192, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, sourceAddress, sourcePort }) =>
      protocol === TCP && tcpFlags !== undefined ? `${sourceAddress} ${sourcePort}` : undefined,
    create: (record) => new Entry(record),
    add: (entry, record) => {
      extend(entry, record);
      entry.answers++;
      if (isRefusal(record.tcpFlags ?? 0, record.packets)) entry.refused++;
      return entry.clients.add(hash53(record.destinationAddress));
    },
    weight: ({ answers }) => answers,
    rows: (entry, key) => {
      const { answers, refused: number, clients } = entry;
      const figures = { refused: number, answers, clients: clients.count };
      return number >= refusedMin && number > answers * share
        ? [rowOf(COLUMNS, key, entry, figures, !clients.isExact)]
        : [];
    },
  };
}

function isRefusal(flags: number, packets: number): boolean {
  return (flags & RST) !== 0 && !hasSyn(flags) && packets <= PACKETS_MAX;
}
