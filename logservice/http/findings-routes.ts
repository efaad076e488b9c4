/**
 * What is asked about findings:
 *
 *     GET  /findings?state=&rule=&severity=&since=&limit=   -> {schema, findings, truncated, cursor, windowEnd, counts}
 *     GET  /finding?id=                                     -> {finding}
 *     GET  /findings/events?after=&wait=&limit=             -> {events, cursor, missed, log, open, counts}; waits for the first one
 *     POST /findings/acknowledge {id, comment}              -> {finding}
 *     GET  /findings/suppressions                           -> {suppressions}
 *     POST /findings/suppress {rule, peer, until, comment}  -> {suppression}
 *     POST /findings/release {id}                           -> {}
 */
import { SEVERITIES } from '../../analyses/analysis.ts';
import type { AskedFindings } from '../../detect/asking.ts';
import { EVENTS_OF_ANSWER_MAX } from '../../detect/event-log.ts';
import { FINDING_STATES } from '../../detect/finding.ts';
import { InvalidSuppression, type SuppressionRequest } from '../../detect/suppressions.ts';
import { type Findings, FOLLOWERS_MAX } from '../findings/findings.ts';
import { Refusal } from '../model/refusal.ts';
import { StoreError } from '../model/store-error.ts';
import { checkDigests } from './body-digest.ts';
import type { Answer, Exchange } from './http-server.ts';
import { readBody } from './request-body.ts';

/** Changes when a member of an answer changes its meaning or goes. */
const SCHEMA = 'flowlogd.findings.v1';
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const WAIT_SECONDS_MAX = 30;
const BODY_BYTES_MAX = 16 * 1024;

type Route = (findings: Findings, exchange: Exchange) => Promise<Answer | Refusal>;

export const FINDINGS_ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['GET /findings', list],
  ['GET /finding', get],
  ['GET /findings/events', follow],
  ['GET /findings/suppressions', async (findings) => ({ suppressions: findings.suppressions })],
  ['POST /findings/acknowledge', change(acknowledge)],
  ['POST /findings/suppress', change(suppress)],
  ['POST /findings/release', change(release)],
]);

async function list(findings: Findings, { url }: Exchange): Promise<Answer | Refusal> {
  const filter = parseFilter(url.searchParams);
  return filter instanceof Refusal ? filter : { schema: SCHEMA, ...findings.list(filter) };
}

function parseFilter(parameters: URLSearchParams): AskedFindings | Refusal {
  const states = (parameters.get('state') ?? '').split(',').filter((word) => word !== '');
  const unknown = states.find((word) => !FINDING_STATES.includes(word as never));
  if (unknown !== undefined) return invalid('state', unknown, FINDING_STATES.join(', '));
  const severity = parameters.get('severity') ?? undefined;
  if (severity !== undefined && !SEVERITIES.includes(severity as never)) {
    return invalid('severity', severity, SEVERITIES.join(', '));
  }
  const since = countOf(parameters, 'since', 0, Number.MAX_SAFE_INTEGER);
  if (since instanceof Refusal) return since;
  const limit = countOf(parameters, 'limit', LIMIT_DEFAULT, LIMIT_MAX);
  if (limit instanceof Refusal) return limit;
  const rule = parameters.get('rule') ?? undefined;
  return { states, rule, severity, since, limit } as AskedFindings;
}

async function get(findings: Findings, { url }: Exchange): Promise<Answer | Refusal> {
  const id = url.searchParams.get('id') ?? '';
  const finding = findings.get(id);
  return finding === undefined ? noFinding(id) : { finding };
}

async function follow(findings: Findings, { url, signal }: Exchange): Promise<Answer | Refusal> {
  const parameters = url.searchParams;
  const after = parameters.has('after') ? countOf(parameters, 'after', 0, Number.MAX_SAFE_INTEGER) : undefined;
  if (after instanceof Refusal) return after;
  const limit = countOf(parameters, 'limit', EVENTS_OF_ANSWER_MAX, EVENTS_OF_ANSWER_MAX);
  if (limit instanceof Refusal) return limit;
  const wait = countOf(parameters, 'wait', 0, WAIT_SECONDS_MAX);
  if (wait instanceof Refusal) return wait;
  const events = await findings.follow({ after, limit, waitMs: wait * 1000, signal });
  return events ?? new Refusal('SpeedQuotaExceed', `${FOLLOWERS_MAX} wait for findings already; try again later.`);
}

/** What was asked for is right, and the disk is not. */
function change(route: Route): Route {
  return async (findings, exchange) => {
    try {
      return await route(findings, exchange);
    } catch (error) {
      if (error instanceof StoreError) return new Refusal('InternalError', error.message);
      throw error;
    }
  };
}

async function acknowledge(findings: Findings, exchange: Exchange): Promise<Answer | Refusal> {
  const body = await readObject(exchange);
  if (body instanceof Refusal) return body;
  const { id = '', comment = '' } = body;
  if (typeof id !== 'string' || typeof comment !== 'string') return notUnderstood('id and comment are texts');
  const finding = await findings.acknowledge(id, comment);
  return finding === undefined ? noFinding(id) : { finding };
}

async function suppress(findings: Findings, exchange: Exchange): Promise<Answer | Refusal> {
  const body = await readObject(exchange);
  if (body instanceof Refusal) return body;
  const { rule, peer, until, comment } = body;
  for (const text of [rule, peer, comment])
    if (text !== undefined && typeof text !== 'string') return notUnderstood('rule, peer and comment are texts');
  if (until !== undefined && !Number.isSafeInteger(until)) return notUnderstood('until is a Unix time in seconds');
  try {
    return { suppression: await findings.suppress({ rule, peer, until, comment } as SuppressionRequest) };
  } catch (error) {
    if (error instanceof InvalidSuppression) return notUnderstood(error.message);
    throw error;
  }
}

async function release(findings: Findings, exchange: Exchange): Promise<Answer | Refusal> {
  const body = await readObject(exchange);
  if (body instanceof Refusal) return body;
  const { id } = body;
  if (typeof id === 'string' && (await findings.release(id))) return {};
  return new Refusal('InvalidParam', `There is no suppression '${shown(id)}'.`);
}

async function readObject({ request }: Exchange): Promise<Readonly<Record<string, unknown>> | Refusal> {
  const body = await readBody(request, BODY_BYTES_MAX);
  if (body instanceof Refusal) return notUnderstood('the body is too long');
  const altered = checkDigests(request.headers, body);
  if (altered !== undefined) return altered;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // It is no JSON.
  }
  return notUnderstood('the body is no JSON object');
}

function countOf(parameters: URLSearchParams, name: string, fallback: number, max: number): number | Refusal {
  const text = parameters.get(name);
  if (text === null) return fallback;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value <= max ? value : invalid(name, text, `a whole number from 0 to ${max}`);
}

function invalid(name: string, text: string, expected: string): Refusal {
  return new Refusal('InvalidParam', `invalid ${name} '${shown(text)}': expected ${expected}.`);
}

function notUnderstood(what: string): Refusal {
  return new Refusal('InvalidParam', `The request is not understood: ${what}.`);
}

function noFinding(id: string): Refusal {
  return new Refusal('InvalidParam', `There is no finding '${shown(id)}'.`);
}

function shown(text: unknown): string {
  return String(text).slice(0, 100);
}
