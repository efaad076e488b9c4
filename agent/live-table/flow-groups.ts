/** Flows together: the two directions of a conversation, all that a host sends and gets, all of a service. */
import { Conversation } from '../conversations/conversation.ts';
import { conversationKey } from '../conversations/conversations.ts';
import type { FlowView } from '../conversations/flow-view.ts';
import { joinPort, recordAddress } from '../record/endpoint.ts';
import { protocolName } from '../record/protocol-name.ts';
import { serviceName } from '../record/service-name.ts';
import { actionOf, type Rate, rejectRuleOf, type WatchedFlow } from './flow-tally.ts';

export const GROUPINGS = ['flows', 'conversations', 'hosts', 'services'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group {
  /** The initiator of a conversation, the host, the service. */
  readonly name: string;
  /** The responder of a conversation. */
  readonly other: string;
  readonly protocol: number;
  /** How a conversation stands. */
  readonly state: string;
  readonly isRejected: boolean;
  /** Of `name`; of a service by those who ask it. */
  sent: Amount;
  received: Amount;
  flows: number;
  rate: Rate;
  first: number;
  last: number;
}

interface Amount {
  readonly packets: number;
  readonly bytes: number;
}

/** A conversation with what the tally knows of its flows. */
interface Counted {
  readonly conversation: Conversation;
  flows: number;
  rate: Rate;
}

export function groupsOf(
  flows: Iterable<WatchedFlow>,
  grouping: Exclude<Grouping, 'flows'>,
  rateOf: (flow: WatchedFlow) => Rate,
): readonly Group[] {
  const conversations = conversationsOf(flows, rateOf).map(conversationGroup);
  if (grouping === 'conversations') return conversations.map(({ group }) => group);
  const groups = new Map<string, Group>();
  for (const { conversation, group } of conversations) {
    if (grouping === 'services') join(groups, { ...group, ...serviceOf(conversation) });
    else for (const host of hostsOf(conversation, group)) join(groups, host);
  }
  return [...groups.values()];
}

function conversationsOf(flows: Iterable<WatchedFlow>, rateOf: (flow: WatchedFlow) => Rate): readonly Counted[] {
  const found = new Map<string, Counted>();
  for (const watched of flows) {
    const flow = viewOfFlow(watched);
    const key = conversationKey(flow);
    const counted = found.get(key) ?? {
      conversation: new Conversation(flow),
      flows: 0,
      rate: { packets: 0, bytes: 0 },
    };
    counted.conversation.add(flow);
    counted.flows += 1;
    counted.rate = sum(counted.rate, rateOf(watched));
    found.set(key, counted);
  }
  return [...found.values()];
}

function viewOfFlow({ interfaceName, record, first, last }: WatchedFlow): FlowView {
  const { protocol, sourcePort, destinationPort, packets, bytes, tcpFlags } = record;
  return {
    interfaceId: interfaceName,
    source: recordAddress(record, 'source'),
    destination: recordAddress(record, 'destination'),
    ...{ protocol, sourcePort, destinationPort, packets, bytes, tcpFlags, first, last },
    ...{ initiator: 'unknown', evidence: 'none', handshakeMicroseconds: undefined },
    action: actionOf(record),
    rejectRule: rejectRuleOf(record),
  };
}

function conversationGroup({ conversation, flows, rate }: Counted) {
  const { initiator, responder, protocol, state, first, last, action } = conversation;
  const group: Group = {
    name: endText(initiator),
    other: endText(responder),
    sent: { ...conversation.sent },
    received: { ...conversation.received },
    isRejected: action === 'REJECT',
    ...{ protocol, state, flows, rate, first, last },
  };
  return { conversation, group };
}

function serviceOf({ responder, protocol }: Conversation): Pick<Group, 'name' | 'other' | 'state'> {
  const name = protocolName(protocol);
  const service = responder.port === 0 ? undefined : (serviceName(responder.port) ?? String(responder.port));
  return { name: service === undefined ? name : `${name} ${service}`, other: '', state: '' };
}

function hostsOf({ initiator, responder }: Conversation, group: Group): readonly Group[] {
  const host = { ...group, other: '', state: '' };
  return [
    { ...host, name: initiator.address },
    { ...host, name: responder.address, sent: group.received, received: group.sent },
  ];
}

function join(groups: Map<string, Group>, more: Group): void {
  const group = groups.get(more.name);
  if (group === undefined) {
    groups.set(more.name, more);
    return;
  }
  groups.set(more.name, {
    ...group,
    isRejected: group.isRejected || more.isRejected,
    sent: sum(group.sent, more.sent),
    received: sum(group.received, more.received),
    flows: group.flows + more.flows,
    rate: sum(group.rate, more.rate),
    first: Math.min(group.first, more.first),
    last: Math.max(group.last, more.last),
  });
}

function sum(left: Amount, right: Amount): Amount {
  return { packets: left.packets + right.packets, bytes: left.bytes + right.bytes };
}

function endText({ address, port }: { readonly address: string; readonly port: number }): string {
  return joinPort(address.includes(':') ? 6 : 4, address, port === 0 ? undefined : port);
}
