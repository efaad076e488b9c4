import type { SendOutcome } from '../../model/sink.ts';
import { adviceFor } from '../http/connector.ts';
import type { Exchanged } from '../http/exchange.ts';
import { said } from '../http/foreign-words.ts';
import { shownProxy } from '../http/proxy.ts';
import { retryAfterMs } from '../http/retry-after.ts';
import { managementRefusal, type Refusal, refusalByStatus, refusalOf } from './refusal.ts';
import { isOnlyRequestIds, type NamedError, namedError } from './reply.ts';

/** A request is taken whole or not at all. */
export type RequestOutcome = { readonly kind: 'accepted' } | Extract<SendOutcome, { kind: Refusal['kind'] }>;

export type Answer = Omit<Extract<Exchanged, { kind: 'answer' }>, 'bytes'>;

export interface AcceptanceRules {
  /** Whether an answer without `x-cls-requestid` accepts nothing; the service sends it with every answer. */
  readonly requestIdRequired: boolean;
  /** A proxy that answers come through, and that may answer in the place of the service. */
  readonly proxy?: URL | undefined;
}

const STRICT: AcceptanceRules = { requestIdRequired: true };

/**
 * What an answer means for the batch. Acceptance is a 200 with the service's request id and with no word beside request ids:
 * portals, proxies and the management API of the cloud say 200 to what nobody has stored.
 *
 * @param nowMs the local clock, for a `Retry-After` that is a date
 */
export function outcomeOf(answer: Answer, nowMs: number, rules: AcceptanceRules = STRICT): RequestOutcome {
  if (isAcceptance(answer, rules)) return { kind: 'accepted' };
  const error = namedError(answer.body);
  const refusal = error === undefined ? undefined : refusalOf(error.code);
  const kind = kindOf(answer, error, refusal, rules);
  const reason = `${ofProxy(answer, rules.proxy)}${reasonOf(answer, error, refusal?.meaning)}`;
  if (kind !== 'retry') return { kind, reason };
  const afterMs = retryAfterMs(answer.headers['retry-after'], answer.headers.date, nowMs);
  return afterMs === undefined ? { kind, reason } : { kind, reason, afterMs };
}

function isAcceptance(answer: Answer, rules: AcceptanceRules): boolean {
  if (answer.status !== 200 || answer.truncated === true || !isOnlyRequestIds(answer.body)) return false;
  return requestIdOf(answer) !== undefined || !rules.requestIdRequired;
}

/** Only the service's own document can say of a batch that it is wrong in itself; others can but keep it. */
function kindOf(
  answer: Answer,
  error: NamedError | undefined,
  refusal: Refusal | undefined,
  rules: AcceptanceRules,
): Refusal['kind'] {
  if (answer.status === 407) return 'blocked';
  if (error?.from === 'management') return managementRefusal(error.code);
  if (error?.from === 'service') {
    const kind = refusal?.kind ?? refusalByStatus(answer.status, error.code);
    const isTheService = requestIdOf(answer) !== undefined || !rules.requestIdRequired;
    return kind === 'poison' && !isTheService ? 'blocked' : kind;
  }
  if (refusal === undefined) return refusalByStatus(answer.status, undefined);
  return refusal.kind === 'retry' ? 'retry' : 'blocked';
}

/** Names the proxy where the answer must be, or may be, its own. */
function ofProxy(answer: Answer, proxy: URL | undefined): string {
  if (answer.status === 407) return `proxy refused the upload${adviceFor(407)}: `;
  if (proxy === undefined || requestIdOf(answer) !== undefined) return '';
  return `by way of proxy ${shownProxy(proxy)}: `;
}

function requestIdOf(answer: Answer): string | undefined {
  const requestId = answer.headers['x-cls-requestid'];
  return typeof requestId === 'string' && requestId.trim() !== '' ? requestId : undefined;
}

/** Whether the service found the signature outside its time, which a better clock can mend. */
export function isSignatureExpired(answer: Answer): boolean {
  const error = namedError(answer.body);
  return error?.from === 'service' && refusalOf(error.code)?.errorcode === 'SignatureExpire';
}

const MANAGEMENT_API =
  'this is the management API, which stores no uploads: set cls.endpoint to https://<region>.cls.tencentcs.com';

const NO_REQUEST_ID =
  '200 without x-cls-requestid, so not from the log service: check cls.endpoint and proxies on the way (for a compatible ' +
  'service that sends none: requestIdRequired: false)';

function reasonOf(answer: Answer, error: NamedError | undefined, meaning: string | undefined): string {
  const { status } = answer;
  const requestId = requestIdOf(answer);
  const request = requestId === undefined ? '' : ` (request ${said(requestId)})`;
  if (error !== undefined) {
    const message = error.message === undefined ? '' : `: ${said(error.message)}`;
    const note = error.from === 'management' ? MANAGEMENT_API : meaning;
    const code = error.from === 'stranger' ? `with code ${said(error.code)}` : said(error.code);
    return `${status} ${code}${message}${note === undefined ? '' : `; ${note}`}${request}`;
  }
  if (status >= 300 && status < 400) {
    return `${status}, a redirect to ${said(answer.headers.location ?? 'nowhere')}, which is not followed`;
  }
  if (status === 200 && isOnlyRequestIds(answer.body)) {
    return NO_REQUEST_ID;
  }
  const type = answer.headers['content-type'];
  return `${status} with ${type === undefined ? 'an answer' : said(type)} that is not the log service's${request}`;
}
