import { LEDGER_ROWS, type LedgerNumbers, type LedgerRow } from '../../schema/ledger-numbers.ts';
import { addExcludedPeers, type ExcludedPeers } from './excluded-peers.ts';

/** A time without capture. */
export interface Gap {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly reason: GapReason;
}

/** Why an observation point was not capturing, or why it is not known what it captured. New ones come last: files have their numbers. */
export const GAP_REASONS = [
  'interface-gone',
  'capture-failed',
  'agent-not-running',
  'suspended',
  'clock-jumped',
  'table-damaged',
  'verdicts-unknown',
  'drops-undated',
  'before-attach',
] as const;
export type GapReason = (typeof GAP_REASONS)[number];

export type Tally = LedgerNumbers['metered'];

/**
 * The ledger of one window at one observation point: where every offered packet went, in the numbers of the schema.
 *
 *     offered = metered + excluded (by rule) + notIp + malformed + overflowed + droppedByKernel + droppedByInterface
 */
export interface Ledger extends LedgerNumbers {
  /** By the rule's name, in the order of the rules. */
  readonly excluded: Record<string, Tally>;
  /** Who exchanged most of that, by the rule's name; of rules that excluded nothing, nothing. */
  excludedPeers: Record<string, ExcludedPeers>;
  readonly gaps: Gap[];
}

const ZERO = { tally: () => ({ packets: 0, bytes: 0 }), count: () => 0, flag: () => false } as const;

export function createLedger(ruleNames: readonly string[]): Ledger {
  return {
    ...(Object.fromEntries(LEDGER_ROWS.map(({ name, kind }) => [name, ZERO[kind]()])) as unknown as LedgerNumbers),
    excluded: Object.fromEntries(ruleNames.map((name) => [name, { packets: 0, bytes: 0 }])),
    excludedPeers: {},
    gaps: [],
  };
}

/** The sum of the numbers that `takes` names; of a count of packets the bytes are unknown. */
function sumOf(ledger: Ledger, takes: (row: LedgerRow) => boolean): Tally {
  const sum: Tally = { packets: 0, bytes: 0 };
  for (const row of LEDGER_ROWS) {
    if (!takes(row)) continue;
    if (row.kind === 'tally') addTally(sum, ledger[row.name]);
    else if (row.unit === 'packets') sum.packets += Number(ledger[row.name]);
  }
  return sum;
}

/** What came to the observation point, whatever became of it; bytes as far as they are known. */
function offered(ledger: Ledger): Tally {
  const sum = sumOf(ledger, ({ part }) => part === 'outcome');
  for (const tally of Object.values(ledger.excluded)) addTally(sum, tally);
  return sum;
}

/** Packets that came to the observation point. */
export function offeredPackets(ledger: Ledger): number {
  return offered(ledger).packets;
}

/** Bytes of what came, as far as they are known. */
export function offeredBytes(ledger: Ledger): number {
  return offered(ledger).bytes;
}

/** Packets that should be in a record and are not. */
export function lostPackets(ledger: Ledger): number {
  return sumOf(ledger, ({ isLoss }) => isLoss === true).packets;
}

/** Adds what `from` counted to `into`. */
export function addLedger(into: Ledger, from: Ledger): void {
  for (const row of LEDGER_ROWS) {
    if (row.kind === 'tally') addTally(into[row.name], from[row.name]);
    else if (row.kind === 'count') into[row.name] += from[row.name];
    else into[row.name] ||= from[row.name];
  }
  for (const [name, tally] of Object.entries(from.excluded)) {
    if (!Object.hasOwn(into.excluded, name)) into.excluded[name] = { packets: 0, bytes: 0 };
    addTally(into.excluded[name]!, tally);
  }
  addExcludedPeers(into.excludedPeers, from.excludedPeers);
  into.gaps.push(...from.gaps);
}

/** Keeps at most `max` gaps: further ones are joined to the last, with the time between them. Never a gap is hidden. */
export function joinGaps(gaps: Gap[], max: number): void {
  if (gaps.length <= max) return;
  const joined = gaps.splice(max - 1);
  const fromSeconds = Math.min(...joined.map((gap) => gap.fromSeconds));
  const toSeconds = Math.max(...joined.map((gap) => gap.toSeconds));
  gaps.push({ fromSeconds, toSeconds, reason: joined[0]!.reason });
}

export function addTally(into: Tally, from: Tally): void {
  into.packets += from.packets;
  into.bytes += from.bytes;
}

export type LogStatus = 'OK' | 'NODATA' | 'SKIPDATA';

/** A ledger as version 0.1 named its numbers. */
export function withCurrentNames(ledger: Ledger): Ledger {
  const entries = Object.entries(ledger).map(([name, value]) => {
    const row = LEDGER_ROWS.find(({ former }) => former?.name === name);
    return [row?.name ?? name, value];
  });
  return Object.fromEntries(entries) as Ledger;
}

/** SKIPDATA when packets or verdicts were lost or flows were coarsened, else NODATA when nothing was metered, else OK. */
export function logStatus(ledger: Ledger): LogStatus {
  const amiss = sumOf(ledger, ({ isLoss, isDoubt }) => isLoss === true || isDoubt === true);
  if (amiss.packets > 0 || ledger.gaps.length > 0) return 'SKIPDATA';
  return ledger.metered.packets > 0 ? 'OK' : 'NODATA';
}
