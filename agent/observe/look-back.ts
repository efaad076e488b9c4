/** `flowlogd observe` without -f: the conversations of records in a store. */
import { Conversations } from '../conversations/conversations.ts';
import type { SearchAnswer, SearchQuestion } from '../model/search.ts';
import { type ConversationValues, valuesOf } from './columns.ts';
import { type FlowRow, flowOf } from './flow-rows.ts';

/** Logs of ledgers and of excluded peers are no flows. */
const NO_FLOWS = 'ledger-status:* OR excluded-packets:*';

export interface LookBack {
  readonly condition: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly isSingle: boolean;
  /** Records. */
  readonly limit: number;
}

export interface Seen {
  readonly conversations: readonly ConversationValues[];
  readonly records: number;
  readonly notes: readonly string[];
}

export async function lookBack(
  search: (question: SearchQuestion) => Promise<SearchAnswer>,
  { condition, fromMs, toMs, isSingle, limit }: LookBack,
): Promise<Seen> {
  const answer = await search({ query: condition, exclude: NO_FLOWS, fromMs, toMs, limit });
  const conversations = new Conversations(isSingle);
  // The newest come first.
  for (const row of rowsOf(answer).toReversed()) {
    const flow = flowOf(row);
    if (flow !== undefined) conversations.add(flow);
  }
  const more = answer.truncated
    ? [
        `The ${answer.rows.length} newest records are shown, there are more: narrow the time or the condition, or raise --limit.`,
      ]
    : [];
  const taken = conversations.take(valuesOf).sort((left, right) => Number(left.first) - Number(right.first));
  return { conversations: taken, records: answer.rows.length, notes: [...more, ...answer.notes] };
}

/** Fields without a column of their own are in the column `other`. */
function rowsOf({ columns, rows }: SearchAnswer): FlowRow[] {
  return rows.map((cells) => {
    const row: Record<string, unknown> = {};
    for (const [index, { name }] of columns.entries()) {
      const cell = cells[index];
      if (name === 'other') Object.assign(row, otherFields(cell));
      else if (cell !== null && cell !== undefined) row[name] = cell;
    }
    return row;
  });
}

function otherFields(cell: unknown): object {
  if (typeof cell === 'object' && cell !== null) return cell;
  return typeof cell === 'string' ? (JSON.parse(cell) as object) : {};
}
