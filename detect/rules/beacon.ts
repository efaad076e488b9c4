import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, type Rule, rowOf } from '../rule.ts';
import { hasSyn, TCP } from '../tcp.ts';

/** Seconds, the longest first: the columns `strength_3600` ... of the query. */
const PERIODS = [3600, 1800, 900, 600, 300, 120, 60] as const;
const NO_SUMS = PERIODS.flatMap(() => [0, 0]);

const COLUMNS = ['srcaddr', 'dstaddr', 'dstport'] as const;

class Entry extends Evidence {
  /** Times of beginnings are `since` to `until`. */
  beginnings = 0;
  meanBytes = 0;
  /** Sum of the squares of the distances from the mean. */
  squares = 0;
  /** For each period the sums of cosines and of sines; none before the second beginning. */
  sums: number[] | undefined = undefined;
}

/** @see https://en.wikipedia.org/wiki/Directional_statistics: the vector strength of times on a circle of one period is 1 for a clock */
export function beacon({ beginnings = 0, strength = 0, spread = 0, periods = 0 }: ParameterValues): Rule<Entry> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ protocol, tcpFlags, first, sourceAddress, destinationAddress, sourcePort, destinationPort }) =>
      protocol === TCP && first !== undefined && destinationPort < sourcePort && hasSyn(tcpFlags ?? 0)
        ? `${sourceAddress} ${destinationAddress} ${destinationPort}`
        : undefined,
    create: (record) => new Entry({ start: record.first ?? 0, end: record.first ?? 0 }),
    add: (entry, { first = 0, bytes }) => {
      if (entry.beginnings === 1) entry.sums = sumsWith(NO_SUMS.slice(), entry.since);
      entry.since = Math.min(entry.since, first);
      entry.until = Math.max(entry.until, first);
      entry.beginnings++;
      if (entry.sums !== undefined) sumsWith(entry.sums, first);
      const distance = bytes - entry.meanBytes;
      entry.meanBytes += distance / entry.beginnings;
      entry.squares += distance * (bytes - entry.meanBytes);
      return 0;
    },
    weight: (entry) => entry.beginnings,
    rows: (entry, key) => {
      if (entry.beginnings < Math.max(2, beginnings)) return [];
      const deviation = Math.sqrt(entry.squares / (entry.beginnings - 1));
      if (!(deviation <= entry.meanBytes * spread)) return [];
      const period = PERIODS.find(
        (seconds, index) => strengthOf(entry, index) > strength && entry.until - entry.since >= seconds * periods,
      );
      const figures = { beginnings: entry.beginnings, period: period ?? 0, mean_bytes: entry.meanBytes };
      return period === undefined ? [] : [rowOf(COLUMNS, key, entry, figures)];
    },
  };
}

function sumsWith(sums: number[], time: number): number[] {
  for (const [index, period] of PERIODS.entries()) {
    const angle = (2 * Math.PI * (time % period)) / period;
    sums[2 * index]! += Math.cos(angle);
    sums[2 * index + 1]! += Math.sin(angle);
  }
  return sums;
}

function strengthOf({ sums = [], beginnings }: Entry, index: number): number {
  return Math.hypot(sums[2 * index] ?? 0, sums[2 * index + 1] ?? 0) / beginnings;
}
