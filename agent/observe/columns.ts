/** What is said of a conversation, in all formats; docs/observe.md lists it. */
import type { Conversation } from '../conversations/conversation.ts';
import { isoText } from '../model/utc-text.ts';
import { protocolName } from '../record/protocol-name.ts';

export type Value = string | number | null;

/** In this order; added to, never renamed. */
export const CONVERSATION_COLUMNS = [
  { name: 'time', type: 'VARCHAR' },
  { name: 'interface_id', type: 'VARCHAR' },
  { name: 'protocol', type: 'VARCHAR' },
  { name: 'initiator', type: 'VARCHAR' },
  { name: 'initiator_port', type: 'INTEGER' },
  { name: 'responder', type: 'VARCHAR' },
  { name: 'responder_port', type: 'INTEGER' },
  { name: 'packets_sent', type: 'BIGINT' },
  { name: 'bytes_sent', type: 'BIGINT' },
  { name: 'packets_received', type: 'BIGINT' },
  { name: 'bytes_received', type: 'BIGINT' },
  { name: 'handshake_us', type: 'BIGINT' },
  { name: 'verdict', type: 'VARCHAR' },
  { name: 'reject_rule', type: 'VARCHAR' },
  { name: 'state', type: 'VARCHAR' },
  { name: 'first', type: 'DOUBLE' },
  { name: 'last', type: 'DOUBLE' },
] as const;
type ColumnName = (typeof CONVERSATION_COLUMNS)[number]['name'];

export type ConversationValues = Readonly<Record<ColumnName, Value>>;

export function valuesOf(conversation: Conversation): ConversationValues {
  const { interfaceId, protocol, initiator, responder, sent, received, state, first, last } = conversation;
  return {
    time: `${isoText(Math.floor(last)) ?? last}Z`,
    interface_id: interfaceId,
    protocol: protocolName(protocol).toLowerCase(),
    initiator: initiator.address,
    initiator_port: initiator.port,
    responder: responder.address,
    responder_port: responder.port,
    packets_sent: sent.packets,
    bytes_sent: sent.bytes,
    packets_received: received.packets,
    bytes_received: received.bytes,
    handshake_us: conversation.handshakeMicroseconds ?? null,
    verdict: conversation.action ?? null,
    reject_rule: conversation.rejectRule ?? null,
    state,
    first,
    last,
  };
}
