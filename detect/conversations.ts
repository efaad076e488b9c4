/** Which directions of each TCP connection between two hosts were seen, for rules about those of which one is missing. */
import type { Observed } from './observed.ts';
import { Evidence, extend } from './rule.ts';
import { SYN_ALONE, TCP } from './tcp.ts';

/** Sides: the host whose address is the lower text, and the other one. */
const FROM_LOW = 1;
const FROM_HIGH = 2;
const FROM_BOTH = FROM_LOW | FROM_HIGH;
const PORTS = 65_536;

/** Of two hosts; what they have beyond it is left out, and their signals are coarse. */
export const CONVERSATIONS_MAX = 4096;

class Conversation {
  /** The port of the lower host times 65,536, plus that of the other. */
  readonly ports: number;
  sides = 0;
  /** Whether a record had a SYN and nothing else. */
  hasSynAlone = false;
  /** The highest. */
  flags = 0;
  packets = 0;
  since: number;
  until: number;

  constructor(ports: number, { start, end }: Observed) {
    this.ports = ports;
    this.since = start;
    this.until = end;
  }
}

export class HostPair extends Evidence {
  /** Most have one. */
  #first: Conversation | undefined;
  #others: Map<number, Conversation> | undefined;
  /** With one direction. */
  oneSided = 0;

  /** Answers how many conversations the pair has more. @param flagsMask which flags count for the highest */
  add(record: Observed, flagsMask: number): number {
    const isFromLow = isFromLowHost(record);
    const ports = portsOf(record, isFromLow);
    const known = this.#find(ports);
    const conversation = known ?? this.#begin(ports, record);
    if (conversation === undefined) return 0;
    const before = conversation.sides;
    conversation.sides |= isFromLow ? FROM_LOW : FROM_HIGH;
    if (before === 0) this.oneSided++;
    else if (before !== FROM_BOTH && conversation.sides === FROM_BOTH) this.oneSided--;
    extend(this, record);
    extend(conversation, record);
    conversation.packets += record.packets;
    conversation.flags = Math.max(conversation.flags, (record.tcpFlags ?? 0) & flagsMask);
    conversation.hasSynAlone ||= record.tcpFlags === SYN_ALONE;
    return known === undefined ? 1 : 0;
  }

  /** Those of which one direction was seen, with who sent and who did not. @param key of the pair */
  *oneSidedConversations(key: string) {
    const [low = '', high = ''] = key.split(' ');
    for (const conversation of this.#conversations()) {
      const { ports, sides } = conversation;
      if (sides === FROM_LOW) yield { conversation, source: low, destination: high, port: ports % PORTS };
      else if (sides === FROM_HIGH)
        yield { conversation, source: high, destination: low, port: Math.floor(ports / PORTS) };
    }
  }

  *#conversations() {
    if (this.#first !== undefined) yield this.#first;
    if (this.#others !== undefined) yield* this.#others.values();
  }

  #find(ports: number): Conversation | undefined {
    return this.#first?.ports === ports ? this.#first : this.#others?.get(ports);
  }

  #begin(ports: number, record: Observed): Conversation | undefined {
    if (this.values >= CONVERSATIONS_MAX) {
      this.isCoarse = true;
      return undefined;
    }
    const conversation = new Conversation(ports, record);
    if (this.#first === undefined) this.#first = conversation;
    else {
      this.#others ??= new Map();
      this.#others.set(ports, conversation);
    }
    return conversation;
  }
}

export function pairKeyOf({ protocol, tcpFlags, sourceAddress, destinationAddress }: Observed): string | undefined {
  if (protocol !== TCP || tcpFlags === undefined) return undefined;
  return sourceAddress < destinationAddress
    ? `${sourceAddress} ${destinationAddress}`
    : `${destinationAddress} ${sourceAddress}`;
}

function portsOf({ sourcePort, destinationPort }: Observed, isFromLow: boolean): number {
  return isFromLow ? sourcePort * PORTS + destinationPort : destinationPort * PORTS + sourcePort;
}

/** A host that talks to itself has the lower port on the lower side. */
function isFromLowHost({ sourceAddress, destinationAddress, sourcePort, destinationPort }: Observed): boolean {
  return sourceAddress === destinationAddress ? sourcePort <= destinationPort : sourceAddress < destinationAddress;
}
