import type { Ledger } from '../model/ledger.ts';
import type { CaptureStatistics } from '../model/packet-source.ts';

export type Drops = Pick<Ledger, 'droppedByKernel' | 'droppedByInterface'>;

export const NO_DROPS: Drops = { droppedByKernel: 0, droppedByInterface: 0 };

/** What a capture lost between two looks. What an engine's own buffer lost is lost between kernel and meter, too. */
export function dropsBetween(before: CaptureStatistics, now: CaptureStatistics): Drops {
  const beyondKernel = (now.droppedByEngine ?? 0) - (before.droppedByEngine ?? 0);
  return {
    droppedByKernel: (now.droppedByKernel ?? 0) - (before.droppedByKernel ?? 0) + beyondKernel,
    droppedByInterface: (now.droppedByInterface ?? 0) - (before.droppedByInterface ?? 0),
  };
}
