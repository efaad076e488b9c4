/**
 * Which conversations are over, so that the table can be without them: TCP that was closed by both sides or reset, and has nothing in the newest
 * window; any other, and TCP that has only one direction, once it has been quiet for a minute. An idle connection is not over.
 */
import type { FlowTally, WatchedFlow } from './flow-tally.ts';

const QUIET_SECONDS = 60;
const TCP = 6;
const FIN = 0x01;
const RST = 0x04;

interface Seen {
  readonly isTcp: boolean;
  /** Of the two directions; undefined of one that was not seen. */
  readonly flags: [number | undefined, number | undefined];
  last: number;
  windowStart: number;
}

/** By the key of their conversation. */
export function finishedConversations(tally: FlowTally): ReadonlySet<string> {
  const seen = new Map<string, Seen>();
  for (const flow of tally.flows) note(seen, flow);
  const finished = new Set<string>();
  for (const [key, conversation] of seen) if (isFinished(conversation, tally)) finished.add(key);
  return finished;
}

function note(seen: Map<string, Seen>, flow: WatchedFlow): void {
  const { conversation, isForward, record, last, windowStart } = flow;
  let entry = seen.get(conversation);
  if (entry === undefined) {
    entry = { isTcp: record.protocol === TCP, flags: [undefined, undefined], last, windowStart };
    seen.set(conversation, entry);
  }
  const side = isForward ? 0 : 1;
  entry.flags[side] = (entry.flags[side] ?? 0) | record.tcpFlags;
  entry.last = Math.max(entry.last, last);
  entry.windowStart = Math.max(entry.windowStart, windowStart);
}

function isFinished({ isTcp, flags: [one, other], last, windowStart }: Seen, tally: FlowTally): boolean {
  const { latestStart, windowSeconds, isOver } = tally;
  const isQuiet = latestStart + windowSeconds - last >= QUIET_SECONDS;
  if (!isTcp) return isQuiet;
  const isEnded = (((one ?? 0) | (other ?? 0)) & RST) !== 0 || ((one ?? 0) & (other ?? 0) & FIN) !== 0;
  if (isEnded) return isOver || windowStart < latestStart;
  return isQuiet && (one === undefined || other === undefined);
}
