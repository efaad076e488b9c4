import { Refusal } from '../model/refusal.ts';
import { SEARCH_LIMITS } from '../search/search-request.ts';

/** The body of a search, as it is sent. */
export interface SearchBody {
  readonly topicId: unknown;
  readonly query: string;
  readonly exclude: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
}

const QUARTER_HOUR_MS = 15 * 60 * 1000;

export function parseSearch(body: Uint8Array, nowMs: number): SearchBody | Refusal {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null) return invalid('the body is no JSON object');
  const {
    topic_id: topicId,
    query = '',
    exclude = '',
    from,
    to,
    limit = SEARCH_LIMITS.rowsDefault,
  } = value as Record<string, unknown>;
  if (typeof query !== 'string') return invalid('query is no text');
  if (typeof exclude !== 'string') return invalid('exclude is no text');
  const toMs = to ?? Math.ceil(nowMs);
  if (!isTime(toMs)) return invalid('to is no Unix time in milliseconds');
  const fromMs = from ?? toMs - QUARTER_HOUR_MS;
  if (!isTime(fromMs)) return invalid('from is no Unix time in milliseconds');
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > SEARCH_LIMITS.rowsMax) {
    return invalid(`limit is no whole number from 1 to ${SEARCH_LIMITS.rowsMax}`);
  }
  return { topicId, query, exclude, fromMs, toMs, limit };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function invalid(what: string): Refusal {
  return new Refusal('InvalidParam', `The search is not understood: ${what}.`);
}
