/** What options records say of a window and of an observation domain. */
import { LEDGER_ROWS } from '../../../schema/ledger-numbers.ts';
import type { BatchHeader } from '../../model/batch-id.ts';
import { type Ledger, logStatus, lostPackets, offeredPackets } from '../../model/ledger.ts';
import type { Column } from '../../record/field-columns.ts';
import { type Pair, STANDARD } from './options-records.ts';
import {
  EXCLUDED_OCTETS,
  EXCLUDED_PACKETS,
  EXCLUSION_RULE,
  GAP_MILLISECONDS,
  GAP_REASONS,
  HOST_ID,
  LOG_STATUS,
  ledgerElements,
  OFFERED_PACKETS,
  SHARED_NUMBERS,
  sharedElement,
} from './own-elements.ts';
import type { Domain, Totals } from './session.ts';

type Named = Pick<Domain, 'id'>;

/** Names the domain, and has what all of its records share: of the fields that are listed, the others empty. */
export function domainPairs({ id }: Named, header: BatchHeader, columns: readonly Column[]): readonly Pair[] {
  const { flowLogId, interfaceId, hostId } = header;
  const shared = Object.keys(SHARED_NUMBERS) as (keyof typeof SHARED_NUMBERS)[];
  return [
    [STANDARD.observationDomainId, id],
    [STANDARD.observationDomainName, `${flowLogId}/${interfaceId}`],
    [STANDARD.interfaceName, interfaceId],
    [HOST_ID, hostId],
    ...shared.map((name): Pair => {
      const column = columns.find(({ field }) => field.name === name);
      return [sharedElement(name), column?.field.shared?.(header, 'OK') ?? ''];
    }),
  ];
}

/** The totals of the domain, which only grow, and the ledger of one window. */
export function ledgerPairs(domain: Named & { totals: Totals }, header: BatchHeader, ledger: Ledger): readonly Pair[] {
  const { totals } = domain;
  const gapSeconds = ledger.gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  return [
    [STANDARD.observationDomainId, domain.id],
    ...intervalPairs(header),
    [STANDARD.exportedMessageTotalCount, totals.messages],
    [STANDARD.exportedFlowRecordTotalCount, totals.flowRecords],
    [STANDARD.ignoredPacketTotalCount, totals.ignoredPackets],
    [STANDARD.ignoredOctetTotalCount, totals.ignoredOctets],
    [STANDARD.droppedPacketTotalCount, totals.droppedPackets],
    [STANDARD.notSentPacketTotalCount, totals.unsentPackets],
    [STANDARD.notSentOctetTotalCount, totals.unsentOctets],
    [LOG_STATUS, logStatus(ledger)],
    [OFFERED_PACKETS, offeredPackets(ledger)],
    ...numberPairs(ledger),
    [GAP_MILLISECONDS, Math.round(gapSeconds * 1000)],
    [GAP_REASONS, [...new Set(ledger.gaps.map(({ reason }) => reason))].join(',')],
  ];
}

function numberPairs(ledger: Ledger): readonly Pair[] {
  return LEDGER_ROWS.flatMap((row): readonly Pair[] => {
    const [first, second] = ledgerElements(row);
    if (row.kind !== 'tally') return [[first!, ledger[row.name]]];
    const { packets, bytes } = ledger[row.name];
    return [
      [first!, packets],
      [second!, bytes],
    ];
  });
}

/** One record for each exclusion rule. */
export function exclusionPairs({ id }: Named, header: BatchHeader, { excluded }: Ledger): readonly (readonly Pair[])[] {
  return Object.entries(excluded).map(([rule, { packets, bytes }]) => [
    [STANDARD.observationDomainId, id],
    [EXCLUSION_RULE, rule],
    ...intervalPairs(header),
    [EXCLUDED_PACKETS, packets],
    [EXCLUDED_OCTETS, bytes],
  ]);
}

function intervalPairs({ windowStart, windowSeconds }: BatchHeader): readonly Pair[] {
  return [
    [STANDARD.monitoringIntervalStart, windowStart * 1000],
    [STANDARD.monitoringIntervalEnd, (windowStart + windowSeconds) * 1000],
  ];
}

/** What a ledger adds to the totals: packets that are in no flow by intent, and those that should be. */
export function addToTotals(totals: Totals, ledger: Ledger, sign: 1 | -1): void {
  const ignored = [ledger.notIp, ledger.malformed, ...Object.values(ledger.excluded)];
  for (const { packets, bytes } of ignored) {
    totals.ignoredPackets += sign * packets;
    totals.ignoredOctets += sign * bytes;
  }
  totals.droppedPackets += sign * (lostPackets(ledger) - ledger.evicted.packets);
  totals.unsentPackets += sign * ledger.evicted.packets;
  totals.unsentOctets += sign * ledger.evicted.bytes;
}
