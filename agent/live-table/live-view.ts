/** What of the flows is shown, and in which order: the choices of the user, and what they make of the tally. */
import { joinPort } from '../record/endpoint.ts';
import { protocolName } from '../record/protocol-name.ts';
import { finishedConversations } from './finished-flows.ts';
import { parseFilter } from './flow-filter.ts';
import { type Group, type Grouping, groupsOf, type ListedGroup } from './flow-groups.ts';
import { rejectRuleOf } from './flow-key.ts';
import { addressOf, type FlowTally, portOf, type Rate, type WatchedFlow } from './flow-tally.ts';
import type { Listed } from './place.ts';

export const SORT_KEYS = ['bytes', 'packets', 'rate', 'first', 'last'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface ViewChoices {
  readonly sort: SortKey;
  /** As flow-filter.ts reads it. */
  readonly filter: string;
  /** Names instead of addresses and ports. */
  readonly names: boolean;
  readonly grouping: Grouping;
  /** Without the flows of conversations that are over. */
  readonly hidesFinished: boolean;
}

export const DEFAULT_CHOICES: ViewChoices = {
  sort: 'bytes',
  filter: '',
  names: false,
  grouping: 'flows',
  hidesFinished: false,
};

/** A flow as a row: its endpoints as they are shown. */
export interface Row {
  readonly flow: WatchedFlow;
  readonly source: string;
  readonly destination: string;
  readonly rate: Rate;
}

/** Likewise; without ends it is a service. */
export interface GroupRow extends Group, Omit<ListedGroup, 'row'> {
  readonly name: string;
  /** The responder of a conversation. */
  readonly other: string;
}

/** What the filter lets through. */
interface Sums {
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
  readonly rate: Rate;
  /** Flows that are counted and not listed. */
  readonly finished: number;
}

/** All of it in the order asked for. To make it costs a walk over all flows; to show a part of it does not. */
export interface Ordered extends Sums {
  readonly grouping: Grouping;
  /** None where flows are grouped. */
  readonly listedFlows: readonly WatchedFlow[];
  /** None where they are not. */
  readonly listedGroups: readonly ListedGroup[];
}

/** A part of it. */
export interface View extends Sums {
  readonly grouping: Grouping;
  readonly rows: readonly Row[];
  readonly groups: readonly GroupRow[];
  /** Rows or groups that are listed. */
  readonly count: number;
  /** How many of them lie above the first of the part. */
  readonly offset: number;
}

/** How one end of a flow is written. @param port undefined where there is none */
export type WriteEndpoint = (address: string, port: number | undefined) => string;

export const numericEndpoint: WriteEndpoint = (address, port) => joinPort(address.includes(':') ? 6 : 4, address, port);

/** The first ones. */
export function viewOf(tally: FlowTally, choices: ViewChoices, limit: number, write = numericEndpoint): View {
  return partOf(tally, orderedFlows(tally, choices, write), 0, limit, write);
}

export function partOf(
  tally: FlowTally,
  ordered: Ordered,
  offset: number,
  limit: number,
  write = numericEndpoint,
): View {
  const { listedFlows, listedGroups, ...sums } = ordered;
  const rows = listedFlows.slice(offset, offset + limit).map((flow) => rowOf(tally, flow, write));
  const groups = listedGroups.slice(offset, offset + limit).map((group) => groupRow(group, write));
  return { ...sums, rows, groups, count: listedFlows.length + listedGroups.length, offset };
}

/** As keys, for what is selected. */
export function listedOf({ grouping, listedFlows, listedGroups }: Ordered): Listed {
  const keyed: readonly { readonly key: string }[] = grouping === 'flows' ? listedFlows : listedGroups;
  let indexes: Map<string, number> | undefined;
  return {
    count: keyed.length,
    keyAt: (index) => keyed[index]!.key,
    indexOf(key) {
      indexes ??= new Map(keyed.map((each, index) => [each.key, index]));
      return indexes.get(key) ?? -1;
    },
  };
}

export function orderedFlows(tally: FlowTally, choices: ViewChoices, write = numericEndpoint): Ordered {
  const { filter, hidesFinished } = choices;
  const accepts = filter.trim() === '' ? undefined : parseFilter(filter);
  const over = hidesFinished ? finishedConversations(tally) : undefined;
  const listed: WatchedFlow[] = [];
  const sums = { flows: 0, packets: 0, bytes: 0, packetRate: 0, byteRate: 0 };
  for (const flow of tally.flows) {
    if (accepts !== undefined && !accepts(flow, rowText(flow, write))) continue;
    if (over?.has(flow.conversation) !== true) listed.push(flow);
    const rate = tally.rateOf(flow);
    sums.flows += 1;
    sums.packets += flow.record.packets;
    sums.bytes += flow.record.bytes;
    sums.packetRate += rate.packets;
    sums.byteRate += rate.bytes;
  }
  const { flows, packets, bytes } = sums;
  const order = inOrder(listed, tally, choices);
  const finished = flows - listed.length;
  // Without a filter the sums are those of the ledger, which forgets nothing.
  if (accepts === undefined) return { ...order, flows, finished, ...tally.ledger.metered, rate: tally.rate };
  return { ...order, flows, finished, packets, bytes, rate: { packets: sums.packetRate, bytes: sums.byteRate } };
}

function inOrder(
  flows: WatchedFlow[],
  tally: FlowTally,
  { sort, grouping }: ViewChoices,
): Pick<Ordered, 'grouping' | 'listedFlows' | 'listedGroups'> {
  if (grouping !== 'flows') {
    const groups = groupsOf(flows, grouping, (flow) => tally.rateOf(flow));
    return { grouping, listedFlows: [], listedGroups: groups.toSorted(groupComparison(sort)) };
  }
  const compare = comparison(sort, tally);
  flows.sort(
    (left, right) => compare(left, right) || right.record.bytes - left.record.bytes || left.first - right.first,
  );
  return { grouping, listedFlows: flows, listedGroups: [] };
}

function rowOf(tally: FlowTally, flow: WatchedFlow, write: WriteEndpoint): Row {
  return { flow, ...writtenEnds(flow, write), rate: tally.rateOf(flow) };
}

function writtenEnds(flow: WatchedFlow, write: WriteEndpoint): { source: string; destination: string } {
  return {
    source: write(addressOf(flow, 'source'), portOf(flow, 'source')),
    destination: write(addressOf(flow, 'destination'), portOf(flow, 'destination')),
  };
}

function groupRow(listed: ListedGroup, write: WriteEndpoint): GroupRow {
  const { key, packets, bytes, rate, flows, first, last } = listed;
  const group = listed.row();
  const [name = group.service, other = ''] = group.ends.map(({ address, port }) =>
    write(address, port === 0 ? undefined : port),
  );
  return { ...group, key, packets, bytes, rate, flows, first, last, name, other };
}

function groupComparison(sort: SortKey): (left: ListedGroup, right: ListedGroup) => number {
  const compare = GROUP_COMPARISONS[sort];
  return (left, right) => compare(left, right) || right.bytes - left.bytes || left.first - right.first;
}

const GROUP_COMPARISONS: Readonly<Record<SortKey, (left: ListedGroup, right: ListedGroup) => number>> = {
  bytes: (left, right) => right.bytes - left.bytes,
  packets: (left, right) => right.packets - left.packets,
  rate: (left, right) => right.rate.bytes - left.rate.bytes,
  first: (left, right) => left.first - right.first,
  last: (left, right) => right.last - left.last,
};

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
  const { source, destination } = writtenEnds(flow, write);
  const rule = rejectRuleOf(flow.record) ?? '';
  return `${flow.interfaceName} ${protocolName(flow.record.protocol)} ${source} ${destination} ${rule}`;
}
