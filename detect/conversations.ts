/** Which directions of each TCP connection between two hosts were seen, for rules about those of which one is missing. */
import type { Observed } from './observed.ts';
import { type Evidence, evidenceOf, extend } from './rule.ts';
import { SYN_ALONE, TCP } from './tcp.ts';

/** One direction: from the endpoint whose text is the lower one, or to it. */
const FROM_LOW = 1;
const FROM_HIGH = 2;

export interface Conversation {
  /** Of the record that was seen first. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly isFromLowHost: boolean;
  sides: number;
  /** Whether a record had a SYN and nothing else. */
  hasSynAlone: boolean;
  /** The highest. */
  flags: number;
  packets: number;
  since: number;
  until: number;
}

/** Of two hosts; what they have beyond it is left out, and their signals are coarse. */
export const CONVERSATIONS_MAX = 4096;

export interface HostPair extends Evidence {
  readonly low: string;
  readonly high: string;
  readonly conversations: Map<number, Conversation>;
  /** With one direction. */
  oneSided: number;
}

export function pairKeyOf({ protocol, tcpFlags, sourceAddress, destinationAddress }: Observed): string | undefined {
  if (protocol !== TCP || tcpFlags === undefined) return undefined;
  return sourceAddress < destinationAddress
    ? `${sourceAddress} ${destinationAddress}`
    : `${destinationAddress} ${sourceAddress}`;
}

export function createPair(record: Observed): HostPair {
  const [low, high] = [record.sourceAddress, record.destinationAddress].sort() as [string, string];
  return { ...evidenceOf(record), low, high, conversations: new Map(), oneSided: 0 };
}

/** Answers how many conversations the pair has more. @param flagsMask which flags count for the highest */
export function addToPair(pair: HostPair, record: Observed, flagsMask: number): number {
  extend(pair, record);
  const { sourcePort, destinationPort } = record;
  const isFromLowHost = isFromLow(pair, record);
  const key = isFromLowHost ? sourcePort * 65_536 + destinationPort : destinationPort * 65_536 + sourcePort;
  const known = pair.conversations.get(key);
  if (known === undefined && pair.conversations.size >= CONVERSATIONS_MAX) {
    pair.isCoarse = true;
    return 0;
  }
  const conversation = known ?? { ...begun(record), isFromLowHost };
  if (known === undefined) {
    pair.conversations.set(key, conversation);
    pair.oneSided++;
  }
  const before = conversation.sides;
  conversation.sides |= isFromLowHost ? FROM_LOW : FROM_HIGH;
  if (before !== 0 && before !== conversation.sides) pair.oneSided--;
  extend(conversation, record);
  conversation.packets += record.packets;
  conversation.flags = Math.max(conversation.flags, (record.tcpFlags ?? 0) & flagsMask);
  conversation.hasSynAlone ||= record.tcpFlags === SYN_ALONE;
  return known === undefined ? 1 : 0;
}

/** Those of which one direction was seen, with who sent and who did not. */
export function* oneSidedOf(pair: HostPair) {
  if (pair.oneSided === 0) return;
  for (const conversation of pair.conversations.values()) {
    if (conversation.sides === (FROM_LOW | FROM_HIGH)) continue;
    const [source, destination] = conversation.isFromLowHost ? [pair.low, pair.high] : [pair.high, pair.low];
    yield { conversation, source, destination };
  }
}

function begun({ sourcePort, destinationPort, start, end }: Observed): Omit<Conversation, 'isFromLowHost'> {
  return {
    sourcePort,
    destinationPort,
    sides: 0,
    hasSynAlone: false,
    flags: 0,
    packets: 0,
    since: start,
    until: end,
  };
}

/** A host that talks to itself has the lower port on the lower side. */
function isFromLow({ low, high }: HostPair, { sourceAddress, sourcePort, destinationPort }: Observed): boolean {
  return low === high ? sourcePort <= destinationPort : sourceAddress === low;
}
