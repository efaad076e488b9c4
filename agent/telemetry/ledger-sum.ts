/** Ledgers added up, and the sum as the status shows it. */
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

export interface LedgerStatus {
  /** metered + excluded + notIp + malformed + overflowed + droppedByKernel + droppedByInterface, in packets. */
  readonly offeredPackets: number;
  /** Packets that should be in a record and are not: overflowed and dropped. */
  readonly lostPackets: number;
  readonly metered: Tally;
  readonly folded: Tally;
  /** Different flows among those, about. */
  readonly foldedKeys: number;
  /** Of the metered: those that the packet filter rejected. */
  readonly rejected: Tally;
  /** Beside the metered: in REJECT records, though no flow of the tap could be lowered by them. */
  readonly rejectsUnmatched: Tally;
  /** Packets whose rejection was lost. */
  readonly rejectsLost: number;
  readonly excluded: Readonly<Record<string, Tally>>;
  /** Who exchanged most of that, by rule. */
  readonly excludedPeers: Readonly<Record<string, ExcludedPeers>>;
  readonly notIp: Tally;
  readonly malformed: Tally;
  readonly overflowed: Tally;
  readonly droppedByKernel: number;
  readonly droppedByInterface: number;
  /** The capture engine cannot count all of what was dropped. */
  readonly dropsUnknown: boolean;
  /** Time without capture, by its reason. */
  readonly gapSeconds: Readonly<Record<string, number>>;
}

/** Ledgers added up. Of gaps only the time is kept: their number has no bound. */
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
    const { metered, folded, rejected, rejectsUnmatched, excluded, notIp, malformed, overflowed, ...drops } = this.#sum;
    return {
      offeredPackets: offeredPackets(this.#sum),
      lostPackets: lostPackets(this.#sum),
      metered: { ...metered },
      folded: { ...folded },
      foldedKeys: drops.foldedKeys,
      rejected: { ...rejected },
      rejectsUnmatched: { ...rejectsUnmatched },
      rejectsLost: drops.rejectsLost,
      excluded: Object.fromEntries(Object.entries(excluded).map(([rule, tally]) => [rule, { ...tally }])),
      excludedPeers: { ...drops.excludedPeers },
      notIp: { ...notIp },
      malformed: { ...malformed },
      overflowed: { ...overflowed },
      droppedByKernel: drops.droppedByKernel,
      droppedByInterface: drops.droppedByInterface,
      dropsUnknown: drops.dropsUnknown,
      gapSeconds: Object.fromEntries(
        Object.entries(this.#gapSeconds).map(([reason, seconds]) => [reason, Number(seconds.toFixed(3))]),
      ),
    };
  }
}
