import type { ParameterValues } from '../../analyses/question.ts';
import { Distinct } from '../distinct.ts';
import { hash53 } from '../hash.ts';
import { type Evidence, evidenceOf, extend, type Rule } from '../rule.ts';
import { hasSyn, TCP } from '../tcp.ts';

const RST = 4;
/** Packets of an answer that is nothing but a refusal. */
const PACKETS_MAX = 2;

interface Entry extends Evidence {
  readonly server: string;
  readonly port: number;
  answers: number;
  refused: number;
  readonly clients: Distinct;
}

export function refused({ refused: refusedMin = 0, share = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: 131_072 },
    keyOf: ({ protocol, tcpFlags, sourceAddress, sourcePort }) =>
      protocol === TCP && tcpFlags !== undefined ? `${sourceAddress} ${sourcePort}` : undefined,
    create: (record) => ({
      ...evidenceOf(record),
      server: record.sourceAddress,
      port: record.sourcePort,
      answers: 0,
      refused: 0,
      clients: new Distinct(),
    }),
    add: (entry, record) => {
      extend(entry, record);
      entry.answers++;
      if (isRefusal(record.tcpFlags ?? 0, record.packets)) entry.refused++;
      return entry.clients.add(hash53(record.destinationAddress));
    },
    weight: ({ answers }) => answers,
    rows: ({ server, port, answers, refused: number, clients: { count, isExact }, since, until }) => {
      const figures = { refused: number, answers, clients: count };
      return number >= refusedMin && number > answers * share
        ? [{ subject: { server, port }, figures, since, until, isEstimate: !isExact }]
        : [];
    },
  };
}

function isRefusal(flags: number, packets: number): boolean {
  return (flags & RST) !== 0 && !hasSyn(flags) && packets <= PACKETS_MAX;
}
