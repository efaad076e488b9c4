/** Both directions of a conversation as one: who began, what each side sent, and how it stands. */
import type { FlowView } from './flow-view.ts';

const TCP = 6;
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;

export interface Sent {
  packets: number;
  bytes: number;
}

export interface End {
  readonly address: string;
  readonly port: number;
}

/**
 * `refused`: reset without an answer to the SYN. `closing`: one side has sent its FIN. `one-way`: nothing came back, as of a datagram
 * that wants no answer. `unknown`: records without TCP flags.
 */
export const CONVERSATION_STATES = [
  ...['open', 'answered', 'closing', 'closed', 'reset', 'refused', 'unanswered', 'one-way', 'unknown'],
] as const;
export type ConversationState =
  | 'open'
  | 'answered'
  | 'closing'
  | 'closed'
  | 'reset'
  | 'refused'
  | 'unanswered'
  | 'one-way'
  | 'unknown';

/** One of the two directions. */
interface Direction {
  packets: number;
  bytes: number;
  /** Ever, not only since the last look. */
  wasSeen: boolean;
  flags: number | undefined;
  first: number;
  initiates: 'yes' | 'no' | 'unknown';
  rank: number;
}

/** The stronger, the higher. */
const RANKS = { none: 0, port: 1, conntrack: 2, syn: 3 } as const;

export class Conversation {
  readonly interfaceId: string;
  readonly protocol: number;
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;
  handshakeMicroseconds: number | undefined;
  action: string | undefined;
  rejectRule: string | undefined;
  readonly #ends: readonly [End, End];
  readonly #directions: readonly [Direction, Direction];

  /** @param flow its first; `add` counts it */
  constructor({ interfaceId, protocol, source, sourcePort, destination, destinationPort }: FlowView) {
    this.interfaceId = interfaceId;
    this.protocol = protocol;
    this.#ends = [
      { address: source, port: sourcePort },
      { address: destination, port: destinationPort },
    ];
    this.#directions = [newDirection(), newDirection()];
  }

  add(flow: FlowView): void {
    const [one] = this.#ends;
    const isForward = flow.source === one.address && flow.sourcePort === one.port;
    const direction = this.#directions[isForward ? 0 : 1];
    direction.packets += flow.packets;
    direction.bytes += flow.bytes;
    direction.wasSeen = true;
    direction.first = Math.min(direction.first, flow.first);
    if (flow.tcpFlags !== undefined) direction.flags = (direction.flags ?? 0) | flow.tcpFlags;
    noteInitiator(direction, flow);
    this.first = Math.min(this.first, flow.first);
    this.last = Math.max(this.last, flow.last);
    this.handshakeMicroseconds ??= flow.handshakeMicroseconds;
    if (this.action !== 'REJECT') this.action = flow.action;
    this.rejectRule ??= flow.rejectRule;
  }

  /** What was sent begins anew; what is known stays. */
  restart(): void {
    for (const direction of this.#directions) Object.assign(direction, { packets: 0, bytes: 0 });
  }

  get initiator(): End {
    return this.#ends[this.#isSwapped ? 1 : 0];
  }

  get responder(): End {
    return this.#ends[this.#isSwapped ? 0 : 1];
  }

  /** By the initiator. */
  get sent(): Sent {
    return this.#directions[this.#isSwapped ? 1 : 0];
  }

  get received(): Sent {
    return this.#directions[this.#isSwapped ? 0 : 1];
  }

  get state(): ConversationState {
    const [sent, received] = [this.sent as Direction, this.received as Direction];
    if (this.protocol !== TCP) return received.wasSeen && sent.wasSeen ? 'answered' : 'one-way';
    if (sent.flags === undefined && received.flags === undefined) return 'unknown';
    return tcpState(sent.flags ?? 0, received.flags ?? 0, received.wasSeen);
  }

  /** Without evidence the earlier direction began. */
  get #isSwapped(): boolean {
    const [forward, backward] = this.#directions;
    const strongest = backward.rank > forward.rank ? backward : forward;
    if (strongest.rank > 0) return (strongest === forward) === (strongest.initiates === 'no');
    return backward.wasSeen && backward.first < forward.first;
  }
}

function newDirection(): Direction {
  const unknown = { flags: undefined, first: Number.POSITIVE_INFINITY, initiates: 'unknown', rank: 0 } as const;
  return { packets: 0, bytes: 0, wasSeen: false, ...unknown };
}

function noteInitiator(direction: Direction, { initiator, evidence }: FlowView): void {
  if (initiator === 'unknown' || RANKS[evidence] < direction.rank) return;
  direction.initiates = initiator === 'source' ? 'yes' : 'no';
  direction.rank = Math.max(1, RANKS[evidence]);
}

function tcpState(sent: number, received: number, wasAnswered: boolean): ConversationState {
  const both = sent | received;
  const isAnswered = (received & SYN) !== 0;
  if ((both & RST) !== 0) return (sent & SYN) !== 0 && !isAnswered ? 'refused' : 'reset';
  if ((sent & received & FIN) !== 0) return 'closed';
  if ((both & FIN) !== 0) return 'closing';
  return (sent & SYN) !== 0 && !wasAnswered ? 'unanswered' : 'open';
}
