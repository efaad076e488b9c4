/**
 * Flows together: the two directions of a conversation, all that a host sends and gets, all of a service. Tens of thousands of flows are put in
 * order with every window, so what only a row shows is made for the rows that are shown.
 */
import { Conversation, type End } from '../conversations/conversation.ts';
import type { FlowView } from '../conversations/flow-view.ts';
import { protocolName } from '../record/protocol-name.ts';
import { serviceName } from '../record/service-name.ts';
import { actionOf, rejectRuleOf } from './flow-key.ts';
import { addressOf, type Rate, type WatchedFlow } from './flow-tally.ts';

export const GROUPINGS = ['flows', 'conversations', 'hosts', 'services'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** What groups are put in order by. */
export interface ListedGroup {
  /** Stays with it. Of a host and of a service: the filter that finds its flows. */
  readonly key: string;
  readonly packets: number;
  readonly bytes: number;
  readonly rate: Rate;
  readonly flows: number;
  readonly first: number;
  readonly last: number;
  /** The rest of it. */
  row(): Group;
}

export interface Group {
  /** Initiator and responder of a conversation; the host, without a port; none of a service. */
  readonly ends: readonly End[];
  /** The name of a service. */
  readonly service: string;
  readonly protocol: number;
  /** How a conversation stands. */
  readonly state: string;
  readonly isRejected: boolean;
  /** The first that is known; undefined where nothing was rejected. */
  readonly rejectRule: string | undefined;
  /** Of a conversation; undefined where it was not seen. */
  readonly handshakeMicroseconds: number | undefined;
  /** By the initiator or the host; of a service by those who ask it. */
  readonly sent: Amount;
  readonly received: Amount;
}

interface Amount {
  packets: number;
  bytes: number;
}

type RateOf = (flow: WatchedFlow) => Rate;

export function groupsOf(
  flows: Iterable<WatchedFlow>,
  grouping: Exclude<Grouping, 'flows'>,
  rateOf: RateOf,
): readonly ListedGroup[] {
  switch (grouping) {
    case 'conversations':
      return conversationsOf(flows, rateOf);
    case 'hosts':
      return hostsOf(flows, rateOf);
    case 'services':
      return servicesOf(conversationsOf(flows, rateOf), rateOf);
  }
}

/** Both directions of one, of which there are some. */
export function conversationOf(flows: readonly WatchedFlow[]): Conversation {
  const views = flows.map(viewOfFlow);
  const conversation = new Conversation(views[0]!);
  for (const view of views) conversation.add(view);
  return conversation;
}

abstract class Sums implements ListedGroup {
  readonly key: string;
  packets = 0;
  bytes = 0;
  flows = 0;
  readonly rate = { packets: 0, bytes: 0 };
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;

  constructor(key: string) {
    this.key = key;
  }

  abstract row(): Group;

  count({ record, first, last }: WatchedFlow, rate: Rate): void {
    this.packets += record.packets;
    this.bytes += record.bytes;
    this.flows += 1;
    this.rate.packets += rate.packets;
    this.rate.bytes += rate.bytes;
    if (first < this.first) this.first = first;
    if (last > this.last) this.last = last;
  }
}

class CountedConversation extends Sums {
  readonly members: WatchedFlow[] = [];

  override count(flow: WatchedFlow, rate: Rate): void {
    super.count(flow, rate);
    this.members.push(flow);
  }

  row(): Group {
    const conversation = conversationOf(this.members);
    const { initiator, responder, sent, received, protocol, state, action } = conversation;
    const { rejectRule, handshakeMicroseconds } = conversation;
    const ends = [initiator, responder];
    const isRejected = action === 'REJECT';
    return { ends, service: '', protocol, state, isRejected, rejectRule, handshakeMicroseconds, sent, received };
  }
}

/** A host or a service. */
class Party extends Sums {
  readonly #is: Pick<Group, 'ends' | 'service' | 'protocol'>;
  readonly #sent: Amount = { packets: 0, bytes: 0 };
  readonly #received: Amount = { packets: 0, bytes: 0 };
  #isRejected = false;

  constructor(key: string, is: Pick<Group, 'ends' | 'service' | 'protocol'>) {
    super(key);
    this.#is = is;
  }

  add(flow: WatchedFlow, rate: Rate, isSent: boolean): void {
    this.count(flow, rate);
    const amount = isSent ? this.#sent : this.#received;
    amount.packets += flow.record.packets;
    amount.bytes += flow.record.bytes;
    this.#isRejected ||= actionOf(flow.record) === 'REJECT';
  }

  row(): Group {
    const nothing = { state: '', rejectRule: undefined, handshakeMicroseconds: undefined };
    return { ...this.#is, ...nothing, isRejected: this.#isRejected, sent: this.#sent, received: this.#received };
  }
}

function conversationsOf(flows: Iterable<WatchedFlow>, rateOf: RateOf): readonly CountedConversation[] {
  const found = new Map<string, CountedConversation>();
  for (const flow of flows) {
    let counted = found.get(flow.conversation);
    if (counted === undefined) {
      counted = new CountedConversation(flow.conversation);
      found.set(flow.conversation, counted);
    }
    counted.count(flow, rateOf(flow));
  }
  return [...found.values()];
}

function hostsOf(flows: Iterable<WatchedFlow>, rateOf: RateOf): readonly ListedGroup[] {
  const hosts = new Map<string, Party>();
  for (const flow of flows) {
    const rate = rateOf(flow);
    for (const side of ['source', 'destination'] as const) {
      const address = addressOf(flow, side);
      const host = party(hosts, address, () => ({ ends: [{ address, port: 0 }], service: '', protocol: 0 }));
      host.add(flow, rate, side === 'source');
    }
  }
  return [...hosts.values()];
}

function servicesOf(conversations: readonly CountedConversation[], rateOf: RateOf): readonly ListedGroup[] {
  const services = new Map<string, Party>();
  for (const { members } of conversations) {
    const { responder, protocol } = conversationOf(members);
    const name = protocolName(protocol);
    const { port } = responder;
    const filter = port === 0 ? `protocol:${name.toLowerCase()}` : `protocol:${name.toLowerCase()} port:${port}`;
    const service = party(services, filter, () => ({ ends: [], service: serviceText(name, port), protocol }));
    for (const flow of members) service.add(flow, rateOf(flow), !isFrom(flow, responder));
  }
  return [...services.values()];
}

function party(parties: Map<string, Party>, key: string, create: () => Pick<Group, 'ends' | 'service' | 'protocol'>) {
  let found = parties.get(key);
  if (found === undefined) {
    found = new Party(key, create());
    parties.set(key, found);
  }
  return found;
}

function serviceText(protocol: string, port: number): string {
  return port === 0 ? protocol : `${protocol} ${serviceName(port) ?? port}`;
}

export function isFrom(flow: WatchedFlow, { address, port }: End): boolean {
  return flow.record.sourcePort === port && addressOf(flow, 'source') === address;
}

function viewOfFlow(watched: WatchedFlow): FlowView {
  const { interfaceName, record, first, last } = watched;
  const { protocol, sourcePort, destinationPort, packets, bytes, tcpFlags, annotations } = record;
  return {
    interfaceId: interfaceName,
    source: addressOf(watched, 'source'),
    destination: addressOf(watched, 'destination'),
    protocol,
    sourcePort,
    destinationPort,
    packets,
    bytes,
    tcpFlags,
    first,
    last,
    initiator: annotations.initiator,
    evidence: annotations.initiatorEvidence,
    handshakeMicroseconds: annotations.handshakeMicroseconds || undefined,
    action: actionOf(record),
    rejectRule: rejectRuleOf(record),
  };
}
