/** `flowlogd observe` without -f: the conversations of records in a store. */
import { Conversations } from '../conversations/conversations.ts';
import type { SearchAnswer, SearchQuestion } from '../model/search.ts';
import { humanCount } from '../record/human.ts';
import { type ConversationValues, valuesOf } from './columns.ts';
import { type FlowRow, flowOf } from './flow-rows.ts';

/** Logs of ledgers and of excluded peers are no flows. */
const NO_FLOWS = 'ledger-status:* OR excluded-packets:*';

export interface LookBack {
  readonly condition: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly isSingle: boolean;
  /** Conversations. */
  readonly limit: number;
}

/** Of one search, which the service allows no more. A limit of records would cut conversations in halves. */
export const RECORDS_MAX = 10_000;

export interface Seen {
  readonly conversations: readonly ConversationValues[];
  readonly records: number;
  readonly notes: readonly string[];
}

export async function lookBack(
  search: (question: SearchQuestion) => Promise<SearchAnswer>,
  { condition, fromMs, toMs, isSingle, limit }: LookBack,
): Promise<Seen> {
  const answer = await search({ query: condition, exclude: NO_FLOWS, fromMs, toMs, limit: RECORDS_MAX });
  const found = new Conversations(isSingle);
  // The newest come first.
  for (const row of rowsOf(answer).toReversed()) {
    const flow = flowOf(row);
    if (flow !== undefined) found.add(flow);
  }
  const all = found.take(valuesOf).sort((left, right) => Number(left.last) - Number(right.last));
  const conversations = all.slice(-limit);
  const notes = [...cutByStore(answer), ...cutByLimit(conversations.length, all.length), ...answer.notes];
  return { conversations, records: answer.rows.length, notes };
}

function cutByStore({ truncated, rows, columns }: SearchAnswer): readonly string[] {
  if (!truncated) return [];
  const time = rows.at(-1)?.[columns.findIndex(({ name }) => name === 'time')];
  const before = typeof time === 'string' ? `Before ${time.replace(' ', 'T')}Z` : 'The oldest';
  return [
    `Only the newest ${humanCount(rows.length)} records were read, the limit of a search. ${before} conversations are missing or incomplete: narrow the time or the condition.`,
  ];
}

function cutByLimit(shown: number, found: number): readonly string[] {
  if (shown === found) return [];
  return [`The newest ${humanCount(shown)} of ${humanCount(found)} conversations are shown: raise --limit for more.`];
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
