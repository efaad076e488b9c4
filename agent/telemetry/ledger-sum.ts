/** Ledgers added up, and the sum as the status shows it. */
import type { LedgerNumbers } from '../../schema/ledger-numbers.ts';
import type { ExcludedPeers } from '../model/excluded-peers.ts';
import {
  addLedger,
  createLedger,
  GAP_REASONS,
  type Ledger,
  type LogStatus,
  logStatus,
  lostPackets,
  offeredPackets,
  type Tally,
} from '../model/ledger.ts';

/** The numbers of a ledger but those of lost batches, which the status has beside the spool's. */
export interface LedgerStatus extends Omit<LedgerNumbers, 'evicted'> {
  /** metered + excluded + notIp + malformed + overflowed + droppedByKernel + droppedByInterface, in packets. */
  readonly offeredPackets: number;
  /** Packets that should be in a record and are not: overflowed and dropped. */
  readonly lostPackets: number;
  readonly excluded: Readonly<Record<string, Tally>>;
  /** Who exchanged most of that, by rule. */
  readonly excludedPeers: Readonly<Record<string, ExcludedPeers>>;
  /** Time without capture, by its reason. */
  readonly gapSeconds: Readonly<Record<string, number>>;
}

/** Ledgers added up. Of gaps only the time is kept: their number has no limit. */
export class LedgerSum {
  readonly #sum = createLedger([]);
  readonly #gapSeconds: Record<string, number> = Object.fromEntries(GAP_REASONS.map((reason) => [reason, 0]));
  #hadGaps = false;

  add(ledger: Ledger): void {
    addLedger(this.#sum, ledger);
    for (const { fromSeconds, toSeconds, reason } of this.#sum.gaps.splice(0)) {
      this.#hadGaps = true;
      this.#gapSeconds[reason] = (this.#gapSeconds[reason] ?? 0) + toSeconds - fromSeconds;
    }
  }

  get status(): LogStatus {
    return this.#hadGaps ? 'SKIPDATA' : logStatus(this.#sum);
  }

  read(): LedgerStatus {
    const { excluded, excludedPeers, gaps: _, evicted: __, ...numbers } = structuredClone(this.#sum);
    return {
      ...numbers,
      offeredPackets: offeredPackets(this.#sum),
      lostPackets: lostPackets(this.#sum),
      excluded,
      excludedPeers,
      gapSeconds: Object.fromEntries(
        Object.entries(this.#gapSeconds).map(([reason, seconds]) => [reason, Number(seconds.toFixed(3))]),
      ),
    };
  }
}
