/** What of the flows is shown, and in which order: the choices of the user, and what they make of the tally. */
import { endpoint } from '../record/endpoint.ts';
import { protocolName } from '../record/protocol-name.ts';
import { parseFilter } from './flow-filter.ts';
import { type Group, type Grouping, groupsOf } from './flow-groups.ts';
import { type FlowTally, type Rate, rejectRuleOf, type WatchedFlow } from './flow-tally.ts';

export const SORT_KEYS = ['bytes', 'packets', 'rate', 'first', 'last'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface ViewChoices {
  readonly sort: SortKey;
  /** As flow-filter.ts reads it. */
  readonly filter: string;
  /** Names instead of addresses and ports. */
  readonly names: boolean;
  readonly grouping: Grouping;
}

export const DEFAULT_CHOICES: ViewChoices = { sort: 'bytes', filter: '', names: false, grouping: 'flows' };

/** A flow as a row: its endpoints as they are shown. */
export interface Row {
  readonly flow: WatchedFlow;
  readonly source: string;
  readonly destination: string;
  readonly rate: Rate;
}

/** What the filter lets through. */
export interface View {
  /** In the order asked for, as many as were asked for; none where flows are grouped. */
  readonly rows: readonly Row[];
  readonly grouping: Grouping;
  /** Likewise; none where they are not. */
  readonly groups: readonly Group[];
  /** Of all that the filter lets through. */
  readonly groupCount: number;
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
  readonly rate: Rate;
}

/** How one side of a flow is written. */
export type WriteEndpoint = (flow: WatchedFlow, side: 'source' | 'destination') => string;

export const numericEndpoint: WriteEndpoint = ({ record }, side) => endpoint(record, side);

export function viewOf(tally: FlowTally, choices: ViewChoices, limit: number, write = numericEndpoint): View {
  const accepts = choices.filter.trim() === '' ? undefined : parseFilter(choices.filter);
  const found: WatchedFlow[] = [];
  const sums = { packets: 0, bytes: 0, packetRate: 0, byteRate: 0 };
  for (const flow of tally.flows) {
    if (accepts !== undefined && !accepts(flow, rowText(flow, write))) continue;
    found.push(flow);
    const rate = tally.rateOf(flow);
    sums.packets += flow.record.packets;
    sums.bytes += flow.record.bytes;
    sums.packetRate += rate.packets;
    sums.byteRate += rate.bytes;
  }
  const shown = shownOf(found, tally, choices, limit, write);
  // Without a filter the sums are those of the ledger, which forgets nothing.
  if (accepts === undefined) return { ...shown, flows: found.length, ...tally.ledger.metered, rate: tally.rate };
  const rate = { packets: sums.packetRate, bytes: sums.byteRate };
  return { ...shown, flows: found.length, packets: sums.packets, bytes: sums.bytes, rate };
}

type Shown = Pick<View, 'rows' | 'grouping' | 'groups' | 'groupCount'>;

function shownOf(
  found: WatchedFlow[],
  tally: FlowTally,
  { sort, grouping }: ViewChoices,
  limit: number,
  write: WriteEndpoint,
): Shown {
  if (grouping !== 'flows') {
    const groups = groupsOf(found, grouping, (flow) => tally.rateOf(flow));
    const compare = groupComparison(sort);
    return { rows: [], grouping, groups: groups.toSorted(compare).slice(0, limit), groupCount: groups.length };
  }
  const compare = comparison(sort, tally);
  const rows = found
    .sort((left, right) => compare(left, right) || right.record.bytes - left.record.bytes || left.first - right.first)
    .slice(0, limit)
    .map((flow) => ({
      flow,
      source: write(flow, 'source'),
      destination: write(flow, 'destination'),
      rate: tally.rateOf(flow),
    }));
  return { rows, grouping, groups: [], groupCount: 0 };
}

function groupComparison(sort: SortKey): (left: Group, right: Group) => number {
  const bytes = ({ sent, received }: Group) => sent.bytes + received.bytes;
  const packets = ({ sent, received }: Group) => sent.packets + received.packets;
  const first = {
    bytes: (left: Group, right: Group) => bytes(right) - bytes(left),
    packets: (left: Group, right: Group) => packets(right) - packets(left),
    rate: (left: Group, right: Group) => right.rate.bytes - left.rate.bytes,
    first: (left: Group, right: Group) => left.first - right.first,
    last: (left: Group, right: Group) => right.last - left.last,
  }[sort];
  return (left, right) => first(left, right) || bytes(right) - bytes(left) || left.first - right.first;
}

function comparison(sort: SortKey, tally: FlowTally): (left: WatchedFlow, right: WatchedFlow) => number {
  switch (sort) {
    case 'bytes':
      return (left, right) => right.record.bytes - left.record.bytes;
    case 'packets':
      return (left, right) => right.record.packets - left.record.packets;
    case 'rate':
      return (left, right) => tally.rateOf(right).bytes - tally.rateOf(left).bytes;
    case 'first':
      return (left, right) => left.first - right.first;
    case 'last':
      return (left, right) => right.last - left.last;
  }
}

function rowText(flow: WatchedFlow, write: WriteEndpoint): string {
  const endpoints = `${write(flow, 'source')} ${write(flow, 'destination')}`;
  const rule = rejectRuleOf(flow.record) ?? '';
  return `${flow.interfaceName} ${protocolName(flow.record.protocol)} ${endpoints} ${rule}`;
}
