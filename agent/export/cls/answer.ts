import type { SendOutcome } from '../../model/sink.ts';
import type { Exchanged } from '../http/exchange.ts';
import { refusalByStatus, refusalOf } from './refusal.ts';

export type Answer = Extract<Exchanged, { kind: 'answer' }>;

/** The longest wait that a `Retry-After` may ask for: a wrong date must not silence an agent for a year. */
export const RETRY_AFTER_MS_MAX = 3_600_000;

const SAID_CHARACTERS_MAX = 200;

/**
 * What an answer means for the batch. Only a 200 that is the service's own counts as acceptance: a portal or a proxy that
 * says 200 with a page has stored nothing.
 *
 * @param nowMs the local clock, for a `Retry-After` that is a date
 */
export function outcomeOf(answer: Answer, nowMs: number): SendOutcome {
  const { status, body } = answer;
  const json = errorJson(body);
  if (status === 200 && body.trim() === '') return { kind: 'accepted' };
  if (status === 200 && json !== undefined && json.errorcode === undefined) return { kind: 'accepted' };
  const errorcode = json?.errorcode;
  const refusal = errorcode === undefined ? undefined : refusalOf(errorcode);
  const kind = refusal?.kind ?? refusalByStatus(status, errorcode);
  const reason = reasonOf(answer, json, refusal?.meaning);
  if (kind !== 'retry') return { kind, reason };
  const afterMs = retryAfterMs(answer.headers['retry-after'], answer.headers.date, nowMs);
  return afterMs === undefined ? { kind, reason } : { kind, reason, afterMs };
}

/** Whether the service found the signature outside its time, which a better clock can mend. */
export function isSignatureExpired(answer: Answer): boolean {
  const errorcode = errorJson(answer.body)?.errorcode;
  return errorcode !== undefined && refusalOf(errorcode)?.errorcode === 'SignatureExpire';
}

/** The service's clock, from its `Date` header, in milliseconds. */
export function dateMs(header: string | undefined): number | undefined {
  const milliseconds = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

interface ErrorJson {
  readonly errorcode: string | undefined;
  readonly errormessage: string | undefined;
}

/** The service's error document; undefined when the body is not a JSON object. */
function errorJson(body: string): ErrorJson | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { errorcode, errormessage } = value as Record<string, unknown>;
  return {
    errorcode: typeof errorcode === 'string' && errorcode !== '' ? errorcode : undefined,
    errormessage: typeof errormessage === 'string' ? errormessage : undefined,
  };
}

function reasonOf(answer: Answer, json: ErrorJson | undefined, meaning: string | undefined): string {
  const requestId = answer.headers['x-cls-requestid'];
  const request = typeof requestId === 'string' ? ` (request ${said(requestId)})` : '';
  const { status } = answer;
  if (json?.errorcode !== undefined) {
    const message = json.errormessage === undefined ? '' : `: ${said(json.errormessage)}`;
    return `${status} ${said(json.errorcode)}${message}${meaning === undefined ? '' : `; ${meaning}`}${request}`;
  }
  if (status >= 300 && status < 400) {
    return `${status}, a redirect to ${said(answer.headers.location ?? 'nowhere')}, which is not followed`;
  }
  const type = answer.headers['content-type'];
  return `${status} with ${type === undefined ? 'an answer' : said(type)} that is not the log service's${request}`;
}

/** Words of strangers, made safe for one line of a log. */
function said(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, SAID_CHARACTERS_MAX);
}

/** RFC 9110 section 10.2.3: whole seconds, or a date, which is read against the service's own clock where it tells it. */
export function retryAfterMs(
  header: string | undefined,
  dateHeader: string | undefined,
  nowMs: number,
): number | undefined {
  if (header === undefined) return undefined;
  const untilMs = dateMs(header);
  if (!/^\d+$/.test(header.trim()) && untilMs === undefined) return undefined;
  const waitMs = /^\d+$/.test(header.trim())
    ? Number(header) * 1000
    : (untilMs as number) - (dateMs(dateHeader) ?? nowMs);
  return Math.min(RETRY_AFTER_MS_MAX, Math.max(0, waitMs));
}
