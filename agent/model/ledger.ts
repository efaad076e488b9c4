import { addExcludedPeers, type ExcludedPeers } from './excluded-peers.ts';

/**
 * The ledger of one window at one observation point: where every offered packet went.
 *
 *     offered = metered + excluded (by rule) + notIp + malformed + overflowed + droppedByKernel + droppedByInterface
 *
 * `bytes` are IP bytes for metered and excluded packets, frame bytes for the others (their IP length is not known).
 */
export interface Tally {
  packets: number;
  bytes: number;
}

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

export interface Ledger {
  readonly metered: Tally;
  /** Of the metered: packets whose flow had no room of its own and that are in a coarser record. */
  readonly folded: Tally;
  /** Different flows among those, estimated with a standard error of 1.6 % (flow/key-sketch.ts). */
  foldedKeys: number;
  /** Of the metered: packets whose records were given up later, over a bound of the spool or as undeliverable. */
  readonly givenUp: Tally;
  /** Of the metered: packets that the packet filter rejected, in REJECT records alone. */
  readonly rejected: Tally;
  /** Beside the metered: packets in REJECT records that could be taken from no flow of the tap (flow/verdict-cursor.ts). */
  readonly rejectsUnmatched: Tally;
  /** Rejections that the kernel or a bound of ours kept from us: these packets are taken for accepted. */
  rejectsLost: number;
  /** By the rule's name, in the order of the rules. */
  readonly excluded: Record<string, Tally>;
  /** Who exchanged most of that, by the rule's name; of rules that excluded nothing, nothing. */
  excludedPeers: Record<string, ExcludedPeers>;
  /** ARP, LLDP ...: link layers that carry no IP packet. */
  readonly notIp: Tally;
  /** Announced as IP but not an IP packet, or cut before its header ends. */
  readonly malformed: Tally;
  /** Not counted because a stated bound was met. */
  readonly overflowed: Tally;
  /** The packet ring was full. Counted in packets: their lengths are lost with them. */
  droppedByKernel: number;
  droppedByInterface: number;
  /** Some loss of this window cannot be counted by the capture engine in use. */
  dropsUnknown: boolean;
  readonly gaps: Gap[];
}

export function createLedger(ruleNames: readonly string[]): Ledger {
  return {
    metered: { packets: 0, bytes: 0 },
    folded: { packets: 0, bytes: 0 },
    foldedKeys: 0,
    givenUp: { packets: 0, bytes: 0 },
    rejected: { packets: 0, bytes: 0 },
    rejectsUnmatched: { packets: 0, bytes: 0 },
    rejectsLost: 0,
    excluded: Object.fromEntries(ruleNames.map((name) => [name, { packets: 0, bytes: 0 }])),
    excludedPeers: {},
    notIp: { packets: 0, bytes: 0 },
    malformed: { packets: 0, bytes: 0 },
    overflowed: { packets: 0, bytes: 0 },
    droppedByKernel: 0,
    droppedByInterface: 0,
    dropsUnknown: false,
    gaps: [],
  };
}

/** Packets that came to the observation point, whatever became of them. */
export function offeredPackets(ledger: Ledger): number {
  let offered = ledger.metered.packets + ledger.notIp.packets + ledger.malformed.packets + ledger.overflowed.packets;
  for (const tally of Object.values(ledger.excluded)) offered += tally.packets;
  return offered + ledger.droppedByKernel + ledger.droppedByInterface;
}

/** Bytes of what came, as far as they are known. */
export function offeredBytes(ledger: Ledger): number {
  const tallies = [
    ledger.metered,
    ledger.notIp,
    ledger.malformed,
    ledger.overflowed,
    ...Object.values(ledger.excluded),
  ];
  return tallies.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Packets that should be in a record and are not. */
export function lostPackets(ledger: Ledger): number {
  const { overflowed, droppedByKernel, droppedByInterface, givenUp } = ledger;
  return overflowed.packets + droppedByKernel + droppedByInterface + givenUp.packets;
}

/** Adds what `from` counted to `into`. */
export function addLedger(into: Ledger, from: Ledger): void {
  addTally(into.metered, from.metered);
  addTally(into.folded, from.folded);
  into.foldedKeys += from.foldedKeys;
  addTally(into.givenUp, from.givenUp);
  addTally(into.rejected, from.rejected);
  addTally(into.rejectsUnmatched, from.rejectsUnmatched);
  into.rejectsLost += from.rejectsLost;
  for (const [name, tally] of Object.entries(from.excluded)) {
    if (!Object.hasOwn(into.excluded, name)) into.excluded[name] = { packets: 0, bytes: 0 };
    addTally(into.excluded[name]!, tally);
  }
  addExcludedPeers(into.excludedPeers, from.excludedPeers);
  addTally(into.notIp, from.notIp);
  addTally(into.malformed, from.malformed);
  addTally(into.overflowed, from.overflowed);
  into.droppedByKernel += from.droppedByKernel;
  into.droppedByInterface += from.droppedByInterface;
  into.dropsUnknown ||= from.dropsUnknown;
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

/** SKIPDATA when packets or verdicts were lost or flows were folded, else NODATA when nothing was metered, else OK. */
export function logStatus(ledger: Ledger): LogStatus {
  const { folded, gaps, rejectsLost } = ledger;
  if (lostPackets(ledger) > 0 || folded.packets > 0 || gaps.length > 0 || rejectsLost > 0) return 'SKIPDATA';
  return ledger.metered.packets > 0 ? 'OK' : 'NODATA';
}
