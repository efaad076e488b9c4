/**
 * The sender's account of its ticks held against what the log service has: nothing is there that was not sent, what is
 * missing was sent during a gap of its window's ledger, and the kernel counted on the interface what the sender says.
 */
import { expect } from 'vitest';
import { INTERFACE_ID } from './agent-process.ts';
import type { StoredLog } from './log-service-process.ts';
import type { ObservedHost } from './observed-host.ts';
import { isLedger, ledgerSum } from './stored-flows.ts';
import { type StoredTicks, storedTicks, TICK_SECONDS, type Tick, total } from './ticks.ts';

export interface TickAccount {
  /** Of all windows. */
  readonly gapSeconds: number;
  /** Every reason that a gap has, sorted. */
  readonly gapReasons: readonly string[];
  /** Of the ticks that are not whole. */
  readonly absentSeconds: number;
}

const sumOf = (numbers: Iterable<number>): number => [...numbers].reduce((sum, number) => sum + number, 0);

/** Packets that left while the peer's interface had this index. */
export function sentThrough(sent: readonly Tick[], index: number): number {
  return sumOf(sent.filter(({ interfaceIndex }) => interfaceIndex === index).map(({ packets }) => total(packets)));
}

/** By window, the time whose packets are not all there. */
function missingSeconds(sent: readonly Tick[], stored: StoredTicks, windowSeconds: number): Map<number, number> {
  const seconds = new Map<number, number>();
  for (const [number, { packets, fromSeconds }] of sent.entries()) {
    if (total(stored.get(number) ?? { 4: 0, 6: 0 }) === total(packets)) continue;
    const window = Math.floor(fromSeconds / windowSeconds) * windowSeconds;
    // A sender that was held up catches up: its next ticks are closer to each other.
    const untilNext = (sent[number + 1]?.fromSeconds ?? Number.POSITIVE_INFINITY) - fromSeconds;
    seconds.set(window, (seconds.get(window) ?? 0) + Math.min(TICK_SECONDS, untilNext));
  }
  return seconds;
}

function gapSecondsOf(ledgers: readonly StoredLog[]): Map<number, number> {
  const seconds = new Map<number, number>();
  for (const ledger of ledgers) {
    const window = Number(ledger['start']);
    seconds.set(window, (seconds.get(window) ?? 0) + Number(ledger['ledger-gap-seconds']));
  }
  return seconds;
}

/** Compares what was sent with what the log service has of it, when the agent has ended. */
export async function compareTicks(
  { hosts, service }: ObservedHost,
  sent: readonly Tick[],
  windowSeconds: number,
): Promise<TickAccount> {
  const stored = await storedTicks(service, sent.length);
  // Of a storm of interfaces there are more ledgers than one query answers.
  const ledgers = (await service.query(`ledger-status:* AND interface-id:${INTERFACE_ID}`)).filter(isLedger);
  // The kernel's counters are those of the interface that there is in the end.
  expect(sentThrough(sent, sent.at(-1)!.interfaceIndex)).toBe(hosts.counters().rx.packets);
  for (const [number, packets] of stored) {
    const { 4: v4, 6: v6 } = sent[number]!.packets;
    expect([packets[4] <= v4, packets[6] <= v6], `tick ${number}: ${JSON.stringify(packets)}`).toEqual([true, true]);
  }
  expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(sumOf([...stored.values()].map(total)));
  for (const field of ['dropped-by-kernel-packets', 'not-ip-packets', 'malformed-packets'])
    expect(ledgerSum(ledgers, `ledger-${field}`), field).toBe(0);
  const gaps = gapSecondsOf(ledgers);
  const absent = missingSeconds(sent, stored, windowSeconds);
  for (const [window, seconds] of absent)
    expect(seconds, `window ${window}`).toBeLessThanOrEqual((gaps.get(window) ?? 0) + 2 * TICK_SECONDS);
  const reasons = ledgers.flatMap((ledger) => String(ledger['ledger-gap-reasons'] ?? '').split(','));
  return {
    gapSeconds: sumOf(gaps.values()),
    gapReasons: [...new Set(reasons.filter((reason) => reason !== ''))].sort(),
    absentSeconds: sumOf(absent.values()),
  };
}
