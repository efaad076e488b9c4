/**
 * The conversations that flows belong to, with what each has more since they were last taken. Bounded: of more than `CONVERSATIONS_MAX` those go that
 * have been quiet for longest; one of them that speaks again is a new one, of which the past is not known.
 */
import { Conversation } from './conversation.ts';
import type { FlowView } from './flow-view.ts';

export const CONVERSATIONS_MAX = 65_536;

export class Conversations {
  /** Of which the past was forgotten. */
  forgotten = 0;
  readonly #isSingle: boolean;
  readonly #max: number;
  readonly #known = new Map<string, Conversation>();
  readonly #changed = new Map<string, Conversation>();

  /** @param isSingle each direction by itself */
  constructor(isSingle: boolean, max = CONVERSATIONS_MAX) {
    this.#isSingle = isSingle;
    this.#max = max;
  }

  add(flow: FlowView): void {
    const key = this.#isSingle ? flowKey(flow) : conversationKey(flow);
    const conversation = this.#known.get(key) ?? new Conversation(flow);
    conversation.add(flow);
    // Behind those that were quiet since.
    this.#known.delete(key);
    this.#known.set(key, conversation);
    this.#changed.set(key, conversation);
  }

  /** Those that have changed, in the order in which they began to. */
  take<Taken>(read: (conversation: Conversation) => Taken): Taken[] {
    const taken: Taken[] = [];
    for (const conversation of this.#changed.values()) {
      taken.push(read(conversation));
      conversation.restart();
    }
    this.#changed.clear();
    for (const key of this.#known.keys()) {
      if (this.#known.size <= this.#max) break;
      this.#known.delete(key);
      this.forgotten++;
    }
    return taken;
  }
}

export function flowKey({ interfaceId, protocol, source, sourcePort, destination, destinationPort }: FlowView): string {
  return `${interfaceId} ${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`;
}

/** The same for both directions. */
export function conversationKey(flow: FlowView): string {
  const { interfaceId, protocol, source, sourcePort, destination, destinationPort } = flow;
  const ends = [`${source} ${sourcePort}`, `${destination} ${destinationPort}`].sort();
  return `${interfaceId} ${protocol} ${ends.join(' ')}`;
}
