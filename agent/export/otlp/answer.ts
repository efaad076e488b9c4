/**
 * What an answer means for the batch. Nothing is lost over a misunderstanding: only the receiver's own word about a request can send
 * a batch to the quarantine, where it is kept, and only a message of OTLP, or nothing, accepts one.
 */
import type { SendOutcome } from '../../model/sink.ts';
import { adviceFor } from '../http/connector.ts';
import { said } from '../http/foreign-words.ts';
import { shownProxy } from '../http/proxy.ts';
import { retryAfterMs } from '../http/retry-after.ts';
import { type Answer, exportResponse, mediaType, statusMessage } from './response.ts';

export type RequestOutcome = Extract<SendOutcome, { kind: 'accepted' | 'retry' | 'blocked' | 'too-large' | 'poison' }>;

/** What to do about a status that lasts until an operator changes something. */
const ADVICE: Readonly<Record<number, string>> = {
  401: 'the credentials are missing or wrong: check headers of the sink',
  403: 'the credentials lack the right to write logs: grant it, or check headers of the sink',
  404: 'it receives no OTLP logs at this path: check endpoint of the sink, to which /v1/logs is appended',
  405: 'it receives no OTLP logs at this path: check endpoint of the sink, to which /v1/logs is appended',
  415: 'it takes no compressed protobuf: set compression: none, or send to a collector',
};

/** The rest of 5xx means trouble, too: the protocol would have the batch dropped, and it is kept. */
const RETRIED = new Set([408, 425, 429]);

export interface Asked {
  /** Records of the request. */
  readonly records: number;
  /** The local clock, for a `Retry-After` that is a date. */
  readonly nowMs: number;
  readonly proxy?: URL | undefined;
  /** Takes what was sent and is secret out of a text, before it is cut short: the half of a secret would not be known for one. */
  readonly withoutSecrets: (text: string) => string;
}

export function outcomeOf(answer: Answer, asked: Asked): RequestOutcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return ofSuccess(answer, asked);
  const message = statusMessage(answer);
  const reason = `${status === 407 ? '' : byWayOf(asked.proxy)}${reasonOf(answer, message, asked)}`;
  if (status === 413) return { kind: 'too-large', reason };
  if (RETRIED.has(status) || status >= 500) {
    const afterMs = retryAfterMs(answer.headers['retry-after'], answer.headers.date, asked.nowMs);
    return { kind: 'retry', reason, ...(afterMs === undefined ? {} : { afterMs }) };
  }
  return { kind: status === 400 && message !== undefined ? 'poison' : 'blocked', reason };
}

function ofSuccess(answer: Answer, { records: sent, withoutSecrets }: Asked): RequestOutcome {
  const response = exportResponse(answer);
  if (response === undefined) return { kind: 'blocked', reason: foreignReason(answer) };
  const { rejected } = response;
  if (rejected === undefined) return { kind: 'accepted' };
  const reason = said(withoutSecrets(rejected.reason));
  return { kind: 'accepted', rejected: { records: Math.min(sent, rejected.records), reason } };
}

function foreignReason(answer: Answer): string {
  const type = mediaType(answer);
  const what = type === undefined ? 'an answer' : said(type);
  return `${answer.status} with ${what} that is no message of OTLP, so nothing shows that records were stored: check endpoint of the sink and proxies on the way`;
}

function reasonOf(answer: Answer, message: string | undefined, { withoutSecrets }: Asked): string {
  const { status, headers } = answer;
  if (status >= 300 && status < 400) {
    return `${status}, a redirect to ${said(withoutSecrets(headers.location ?? 'nowhere'))}, which is not followed: set endpoint of the sink to it`;
  }
  if (status === 407) return `the proxy refused the upload${adviceFor(407)}: 407`;
  const words = said(withoutSecrets(message ?? shortText(answer)));
  const advice = ADVICE[status];
  return `${status}${words === '' ? '' : `: ${words}`}${advice === undefined ? '' : `; ${advice}`}`;
}

/** Of a page nothing; of a line of text the line, as most servers explain a refusal. */
function shortText(answer: Answer): string {
  return mediaType(answer) === 'text/plain' ? answer.body.trim() : '';
}

function byWayOf(proxy: URL | undefined): string {
  return proxy === undefined ? '' : `by way of proxy ${shownProxy(proxy)}: `;
}
