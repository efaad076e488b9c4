/** All that is known of one conversation, as lines of a page. */
import type { Conversation, End } from '../conversations/conversation.ts';
import type { InitiatorEvidence } from '../model/annotations.ts';
import { layOut } from '../record/columns.ts';
import { joinPort } from '../record/endpoint.ts';
import { humanBytes, humanCount } from '../record/human.ts';
import { protocolName } from '../record/protocol-name.ts';
import { serviceName } from '../record/service-name.ts';
import { tcpFlagLetters } from '../record/table.ts';
import { wrap } from '../record/wrap.ts';
import { conversationOf, type Grouping, isFrom } from './flow-groups.ts';
import { actionOf, rejectRuleOf } from './flow-key.ts';
import type { FlowTally, WatchedFlow } from './flow-tally.ts';
import type { WriteEndpoint } from './live-view.ts';
import { bitRate, packetRate } from './rates.ts';

const TCP = 6;
const LABEL_WIDTH = 12;
const TEXT_WIDTH_MIN = 6;
const GAP = '  ';
const EVIDENCE: Readonly<Record<InitiatorEvidence, string>> = {
  syn: 'by its SYN',
  conntrack: 'by connection tracking',
  port: 'by the lower port of the other side',
  none: 'by the earlier packet',
};

export interface DetailOptions {
  readonly grouping: Grouping;
  readonly hasVerdicts: boolean;
  /** Undefined where names are off. */
  readonly names: WriteEndpoint | undefined;
  /** Of the terminal. */
  readonly width: number;
}

/** @param key of a flow or a conversation, after `grouping` */
export function detailLines(key: string, tally: FlowTally, options: DetailOptions): string[] {
  const conversationKey = options.grouping === 'flows' ? tally.find(key)?.conversation : key;
  const flows = [...tally.flows].filter(({ conversation }) => conversation === conversationKey);
  if (flows.length === 0) return ['It is no longer in the table: evicted, because larger flows needed the room.'];
  const conversation = conversationOf(flows);
  return [...factLines(flows, conversation, options), '', ...directionLines(flows, conversation, tally)];
}

function factLines(flows: readonly WatchedFlow[], conversation: Conversation, options: DetailOptions): string[] {
  const { protocol, initiator, responder, state, first, last } = conversation;
  const facts: readonly (readonly [string, string] | undefined)[] = [
    ['protocol', protocolName(protocol)],
    ['initiator', `${endText(initiator, options.names)}, ${EVIDENCE[evidenceOf(flows)]}`],
    ['responder', endText(responder, options.names)],
    ['state', state],
    protocol === TCP ? ['handshake', handshakeText(conversation.handshakeMicroseconds)] : undefined,
    options.hasVerdicts ? ['verdict', verdictText(flows)] : undefined,
    ['interface', interfaceText(flows, initiator)],
    ['first packet', timeText(first)],
    ['last packet', `${timeText(last)}, ${(last - first).toFixed(3)} s later`],
  ];
  const width = Math.max(TEXT_WIDTH_MIN, options.width - LABEL_WIDTH - GAP.length);
  return facts
    .filter((fact) => fact !== undefined)
    .flatMap(([label, text]) =>
      wrap(text, width).map((line, index) => `${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${GAP}${line}`),
    );
}

function endText({ address, port }: End, names: WriteEndpoint | undefined): string {
  const shown = port === 0 ? undefined : port;
  const numeric = joinPort(address.includes(':') ? 6 : 4, address, shown);
  const name = names?.(address, shown) ?? (port === 0 ? undefined : serviceName(port));
  return name === undefined || name === numeric ? numeric : `${numeric} (${name})`;
}

function evidenceOf(flows: readonly WatchedFlow[]): InitiatorEvidence {
  const all = flows.map(({ record }) => record.annotations.initiatorEvidence);
  return (['syn', 'conntrack', 'port'] as const).find((evidence) => all.includes(evidence)) ?? 'none';
}

function handshakeText(microseconds: number | undefined): string {
  return microseconds === undefined ? 'not seen' : `${(microseconds / 1000).toFixed(3)} ms from SYN to its answer`;
}

function verdictText(flows: readonly WatchedFlow[]): string {
  const packets = new Map<string, number>();
  for (const { record } of flows) {
    const rule = rejectRuleOf(record);
    const verdict = rule === undefined ? actionOf(record) : `REJECT by rule '${rule}'`;
    packets.set(verdict, (packets.get(verdict) ?? 0) + record.packets);
  }
  if (packets.size === 1) return [...packets.keys()][0]!;
  return [...packets].map(([verdict, count]) => `${verdict} (${humanCount(count)} packets)`).join(', ');
}

function interfaceText(flows: readonly WatchedFlow[], initiator: End): string {
  const { interfaceName } = flows[0]!;
  const known = flows.find(({ record }) => record.annotations.direction !== 'unknown');
  if (known === undefined) return interfaceName;
  const isIn = (known.record.annotations.direction === 'ingress') === isFrom(known, initiator);
  return `${interfaceName}, the initiator's packets ${isIn ? 'come in' : 'go out'}`;
}

function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().replace('T', ' ').slice(0, -1)} UTC`;
}

interface DirectionRow {
  readonly label: string;
  readonly of: (flows: readonly WatchedFlow[]) => string;
}

/** What each side sent, side by side. */
function directionLines(
  flows: readonly WatchedFlow[],
  { initiator, protocol }: Conversation,
  tally: FlowTally,
): string[] {
  const sent = flows.filter((flow) => isFrom(flow, initiator));
  const received = flows.filter((flow) => !isFrom(flow, initiator));
  const cell = (side: readonly WatchedFlow[]) => (row: DirectionRow) => (side.length === 0 ? '-' : row.of(side));
  const columns = [
    { title: '', cell: ({ label }: DirectionRow) => label.padEnd(LABEL_WIDTH) },
    { title: 'sent', align: 'right' as const, cell: cell(sent) },
    { title: 'received', align: 'right' as const, cell: cell(received) },
  ];
  return layOut(columns, rowsOf(tally, protocol), Number.POSITIVE_INFINITY, columns.length);
}

function rowsOf(tally: FlowTally, protocol: number): readonly DirectionRow[] {
  const sum = (flows: readonly WatchedFlow[], of: (flow: WatchedFlow) => number) =>
    flows.reduce((total, flow) => total + of(flow), 0);
  const flags = (flows: readonly WatchedFlow[]) => flows.reduce((all, { record }) => all | record.tcpFlags, 0);
  return [
    { label: 'packets', of: (flows) => humanCount(sum(flows, ({ record }) => record.packets)) },
    { label: 'bytes', of: (flows) => humanBytes(sum(flows, ({ record }) => record.bytes)) },
    { label: 'bit/s', of: (flows) => bitRate(8 * sum(flows, (flow) => tally.rateOf(flow).bytes)).trimEnd() },
    { label: 'pkt/s', of: (flows) => packetRate(sum(flows, (flow) => tally.rateOf(flow).packets)) },
    ...(protocol === TCP
      ? [{ label: 'TCP flags', of: (flows: readonly WatchedFlow[]) => tcpFlagLetters(flags(flows)) }]
      : []),
    { label: 'first packet', of: (flows) => clockText(Math.min(...flows.map(({ first }) => first))) },
    { label: 'last packet', of: (flows) => clockText(Math.max(...flows.map(({ last }) => last))) },
  ];
}

function clockText(seconds: number): string {
  return timeText(seconds).slice(11, -4);
}
