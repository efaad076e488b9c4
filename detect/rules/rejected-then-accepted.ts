import type { ParameterValues } from '../../analyses/question.ts';
import { Evidence, type Rule, rowOf } from '../rule.ts';

/** Packets of one window, told apart from those of windows before: what was rejected in the same window is not before. */
interface Window {
  start: number;
  rejected: number;
  accepted: number;
}

const COLUMNS = ['srcaddr', 'dstaddr', 'dstport', 'protocol'] as const;

class Entry extends Evidence {
  readonly current: Window = { start: 0, rejected: 0, accepted: 0 };
  /** In windows before the current one. */
  rejected = 0;
  firstRejected = 0;
  /** In windows that had enough rejections before them. */
  accepted = 0;
  rejectedBefore = 0;
  lastAccepted = 0;
}

export function rejectedThenAccepted({
  rejected: rejectedMin = 0,
  accepted: acceptedMin = 0,
}: ParameterValues): Rule<Entry> {
  const counts = ({ rejected, current }: Entry) => rejected >= rejectedMin && current.accepted > 0;
  const endWindow = (entry: Entry, start: number) => {
    const { current } = entry;
    if (counts(entry)) {
      entry.accepted += current.accepted;
      entry.rejectedBefore = entry.rejected;
      entry.lastAccepted = current.start;
    }
    if (entry.rejected === 0 && current.rejected > 0) entry.firstRejected = current.start;
    entry.rejected += current.rejected;
    Object.assign(current, { start, rejected: 0, accepted: 0 });
  };
  return {
    limits: { subjectsMax: 16_384, valuesMax: Number.POSITIVE_INFINITY },
    keyOf: ({ action, sourceAddress, destinationAddress, destinationPort, protocol }) =>
      action === undefined ? undefined : `${sourceAddress} ${destinationAddress} ${destinationPort} ${protocol}`,
    begins: ({ action }) => action === 'REJECT',
    create: (record) => new Entry(record),
    add: (entry, { action, packets, start, end }) => {
      if (start > entry.current.start) endWindow(entry, start);
      if (action === 'REJECT') entry.current.rejected += packets;
      else entry.current.accepted += packets;
      entry.until = Math.max(entry.until, end);
      return 0;
    },
    weight: ({ rejected, current }) => rejected + current.rejected,
    rows: (entry, key) => {
      const { current, firstRejected } = entry;
      const accepted = entry.accepted + (counts(entry) ? current.accepted : 0);
      const rejected = counts(entry) ? entry.rejected : entry.rejectedBefore;
      const lastAccepted = counts(entry) ? current.start : entry.lastAccepted;
      const figures = { rejected, accepted, first_rejected: firstRejected, last_accepted: lastAccepted };
      return rejected >= rejectedMin && accepted >= Math.max(1, acceptedMin)
        ? [rowOf(COLUMNS, key, entry, figures)]
        : [];
    },
  };
}
