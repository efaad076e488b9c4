/** The ledger of a window whose run was killed: what its slots hold is exact, the rest is as old as the last round. */
import { estimateKeys } from '../flow/key-sketch.ts';
import { GRACE_SECONDS } from '../meter/rotation.ts';
import type { RecoveredTable } from '../meter/stored-table.ts';
import type { WindowHead } from '../meter/window-file-reader.ts';
import type { Ledger } from '../model/ledger.ts';

/**
 * Where the ledger knows of more packets than the slots (pages that a power cut took), the rest is overflowed: the sum of what
 * was offered holds.
 */
export function recoveredLedger(
  { window, snapshot, registers }: WindowHead,
  tables: readonly RecoveredTable[],
): Ledger {
  const { ledger: noted, untilSeconds, isClosed } = snapshot;
  const metered = meteredIn(tables);
  const lostPackets = Math.max(0, noted.metered.packets - metered.packets);
  const lostBytes = lostPackets > 0 ? Math.max(0, noted.metered.bytes - metered.bytes) : 0;
  const coarsened = {
    packets: Math.min(noted.coarsened.packets, metered.packets),
    bytes: Math.min(noted.coarsened.bytes, metered.bytes),
  };
  return {
    ...noted,
    metered,
    coarsened,
    // Of registers that a power cut took there is less, or nothing; at the least one key and at the most one for each packet.
    coarsenedKeys: Math.min(Math.max(estimateKeys(registers), 1), coarsened.packets),
    overflowed: {
      packets: noted.overflowed.packets + lostPackets,
      bytes: noted.overflowed.bytes + lostBytes,
    },
    gaps: isClosed ? noted.gaps : [...noted.gaps, ...lastGap(window, untilSeconds)],
  };
}

function meteredIn(tables: readonly RecoveredTable[]): { packets: number; bytes: number } {
  const metered = { packets: 0, bytes: 0 };
  for (const { sums, rejection } of tables) {
    // What the tap saw is in its own tables.
    if (rejection?.wasTapped === true) continue;
    metered.packets += sums.packets;
    metered.bytes += sums.bytes;
  }
  return metered;
}

/** What arrived in the last moments of the run may not have been taken in; the gap after that is the next run's. */
function lastGap({ windowStart, point }: WindowHead['window'], untilSeconds: number): Ledger['gaps'] {
  const fromSeconds = Math.max(untilSeconds - GRACE_SECONDS, windowStart);
  const toSeconds = Math.min(untilSeconds, windowStart + point.flowLog.windowSeconds);
  return fromSeconds < toSeconds ? [{ fromSeconds, toSeconds, reason: 'agent-not-running' }] : [];
}
