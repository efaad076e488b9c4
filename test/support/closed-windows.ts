/** Closed windows as the data plane hands them over, made by hand. */
import { IPV4_STATE, IPV4_WORDS, OCCUPIED } from '../../agent/flow/slot-layout.ts';
import type { ClosedTable, ClosedWindow } from '../../agent/model/closed-window.ts';
import { FLOW_LOG_DEFAULTS, type ObservationPoint } from '../../agent/model/flow-log.ts';
import { createLedger } from '../../agent/model/ledger.ts';

export const POINT: ObservationPoint = {
  flowLog: { ...FLOW_LOG_DEFAULTS, id: 'fl-1', accountId: '1251762227', windowSeconds: 60 },
  interfaceId: 'eni-1',
  interfaceName: 'eth0',
};

/** An IPv4 table in which every second slot is a TCP flow of `n` packets, n counting from 1. */
export function fillIpv4(words: Int32Array, flows: number): void {
  for (let n = 1; n <= flows; n++) {
    const at = (2 * n - 1) * IPV4_WORDS;
    words.set([0x0a000000 + n, 0x0a00ffff, (50_000 << 16) | 443, 0, n, 100 * n, 0, 59_000_000], at);
    words[at + IPV4_STATE] = OCCUPIED | 6 | (0x12 << 8);
  }
}

export function closedWindow(
  id: number,
  windowStart: number,
  flows: number,
  tables: readonly ClosedTable[],
): ClosedWindow {
  const packets = (flows * (flows + 1)) / 2;
  return {
    id,
    point: POINT,
    windowStart,
    revision: 0,
    flows,
    ledger: { ...createLedger(['dhcp']), metered: { packets, bytes: 100 * packets } },
    tables,
    files: undefined,
  };
}
