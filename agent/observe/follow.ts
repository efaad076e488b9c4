/** `flowlogd observe -f`: prints what flows now, step by step, and comes back where the agent restarts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Matcher } from '../../logservice/query/matcher.ts';
import { Conversations } from '../conversations/conversations.ts';
import { OperationalError } from '../model/operational-error.ts';
import { type ConversationValues, valuesOf } from './columns.ts';
import { flowOf } from './flow-rows.ts';
import { type FeedObject, liveFeed } from './live-feed.ts';

const RETRY_MS = 1000;

export interface Following {
  /** Of the agent that answered. */
  readonly socketPath: string;
  readonly matches: Matcher;
  readonly isSingle: boolean;
  readonly signal: AbortSignal;
  /** Answers once there is room for more. */
  readonly print: (conversations: readonly ConversationValues[]) => Promise<void>;
  /** A sentence about the feed. */
  readonly notify: (sentence: string) => void;
}

/** Ends with the signal. @throws OperationalError where the agent refuses at the first attempt */
export async function follow(following: Following): Promise<void> {
  const { signal, notify, socketPath } = following;
  const conversations = new Conversations(following.isSingle);
  let hasBegun = false;
  let isAway = true;
  const stepped = () => {
    if (isAway)
      notify(
        hasBegun ? 'The agent is back; what flowed meanwhile is not shown.' : `Following flowlogd at ${socketPath}.`,
      );
    hasBegun = true;
    isAway = false;
  };
  while (!signal.aborted) {
    try {
      for await (const object of liveFeed(socketPath, signal)) {
        await take(object, conversations, following);
        // The first step begins the reading.
        if (object['kind'] === 'step') stepped();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!hasBegun) throw error;
      if (!(error instanceof OperationalError) && !isCut(error)) throw error;
    }
    if (signal.aborted) return;
    if (hasBegun && !isAway) notify('The agent has ended or restarts; waiting for it. Ctrl-C ends.');
    isAway = true;
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function take(object: FeedObject, conversations: Conversations, following: Following): Promise<void> {
  const { kind } = object;
  if (kind === undefined) {
    const flow = following.matches(object) ? flowOf(object) : undefined;
    if (flow !== undefined) conversations.add(flow);
  } else if (kind === 'step') {
    await following.print(conversations.take(valuesOf));
    tellMissing(object, following.notify);
  } else if (kind === 'dropped') {
    following.notify(`${object['steps']} steps with ${object['flows']} flows dropped: read too slowly.`);
  }
}

function tellMissing(
  { omitted_flows: flows, omitted_packets: packets }: FeedObject,
  notify: Following['notify'],
): void {
  if (typeof flows !== 'number' || flows === 0) return;
  notify(`${flows} flows with ${packets} packets not shown: more than a step has room for. The store has them.`);
}

/** The other end went away in the middle of an answer. */
function isCut(error: unknown): boolean {
  return (
    ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '') ||
    (error as Error).message === 'aborted'
  );
}
