/**
 * What the agent found, over the control socket alone; the paths and answers are those of the embedded log service:
 *
 *     GET  /findings?state=&rule=&severity=&since=&limit=   -> {schema, findings, truncated, cursor, windowEnd, counts}
 *     GET  /finding?id=                                     -> {finding}
 *     GET  /findings/events?after=&wait=&limit=             -> {events, cursor, missed, log, open, counts}; after the first one, or `wait` seconds
 *     GET  /findings/suppressions                           -> {suppressions}
 *     POST /findings/acknowledge {id, comment}              -> {finding}
 *     POST /findings/suppress {rule, peer, until, comment}  -> {suppression}
 *     POST /findings/release {id}                           -> {}
 *
 * What is refused is answered with `{"error": {"code", "message"}}`, the message a sentence.
 */
import { SEVERITIES } from '../../analyses/analysis.ts';
import type { AskedFindings } from '../../detect/asking.ts';
import { EVENTS_OF_ANSWER_MAX } from '../../detect/event-log.ts';
import { FINDING_STATES } from '../../detect/finding.ts';
import type { SuppressionRequest } from '../../detect/suppressions.ts';
import type { AgentFindings } from '../findings/agent-findings.ts';
import { OperationalError } from '../model/operational-error.ts';
import { failure, type JsonAnswer, type Operate } from './flow-log-routes.ts';

export const FINDINGS_PATH = '/findings';
export const FINDING_PATH = '/finding';
const SCHEMA = 'flowlogd.findings.v1';
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
/** Below the time after which the socket drops a connection that says nothing. */
const WAIT_SECONDS_MAX = 25;

interface Asked {
  readonly parameters: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}
type Route = (findings: AgentFindings, asked: Asked) => Promise<JsonAnswer> | JsonAnswer;

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['GET /findings', (findings, { parameters }) => ok({ schema: SCHEMA, ...findings.list(filterIn(parameters)) })],
  ['GET /finding', (findings, { parameters }) => found(findings.find(parameters.get('id') ?? ''))],
  ['GET /findings/events', follow],
  ['GET /findings/suppressions', ({ suppressions }) => ok({ suppressions })],
  [
    'POST /findings/acknowledge',
    async (findings, { body }) => found(await findings.acknowledge(textIn(body, 'id'), textIn(body, 'comment'))),
  ],
  ['POST /findings/suppress', suppress],
  ['POST /findings/release', release],
]);

/** @param findings undefined where the log service of the agent looks, or the configuration does not want it */
export function findingsRoutes(findings: AgentFindings | undefined): Operate {
  return async (method, path, body, parameters = new URLSearchParams(), signal = new AbortController().signal) => {
    const route = ROUTES.get(`${method} ${path}`);
    if (route === undefined) return failure(404, 'usage.invalid', `No such endpoint: ${method} ${path}.`);
    if (findings === undefined)
      return failure(
        404,
        'usage.invalid',
        'This agent does not detect: see findings.enabled; an embedded log service does it itself.',
      );
    try {
      return await route(findings, { parameters, body: objectIn(body), signal });
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      return failure(400, error.code, error.message);
    }
  };
}

async function follow(findings: AgentFindings, { parameters, signal }: Asked): Promise<JsonAnswer> {
  const after = parameters.has('after') ? countIn(parameters, 'after', 0, Number.MAX_SAFE_INTEGER) : undefined;
  const limit = countIn(parameters, 'limit', EVENTS_OF_ANSWER_MAX, EVENTS_OF_ANSWER_MAX);
  const seconds = Math.min(WAIT_SECONDS_MAX, countIn(parameters, 'wait', 0, Number.MAX_SAFE_INTEGER));
  return ok(await findings.follow({ after, waitMs: seconds * 1000, signal, limit }));
}

async function suppress(findings: AgentFindings, { body }: Asked): Promise<JsonAnswer> {
  const { rule, peer, until, comment } = body;
  if (![rule, peer, comment].every((value) => value === undefined || typeof value === 'string'))
    throw invalid('rule, peer and comment: expected texts');
  if (until !== undefined && !Number.isSafeInteger(until)) throw invalid('until: expected a Unix time in seconds');
  try {
    return ok({ suppression: await findings.suppress({ rule, peer, until, comment } as SuppressionRequest) });
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

async function release(findings: AgentFindings, { body }: Asked): Promise<JsonAnswer> {
  const isReleased = await findings.release(textIn(body, 'id'));
  return isReleased ? ok({}) : failure(404, 'usage.invalid', 'There is no such suppression.');
}

function filterIn(parameters: URLSearchParams): AskedFindings {
  const states = (parameters.get('state') ?? '').split(',').filter((word) => word !== '');
  for (const state of states) expectOneOf('state', state, FINDING_STATES);
  const severity = parameters.get('severity') ?? undefined;
  if (severity !== undefined) expectOneOf('severity', severity, SEVERITIES);
  return {
    states,
    severity,
    rule: parameters.get('rule') ?? undefined,
    since: countIn(parameters, 'since', 0, Number.MAX_SAFE_INTEGER),
    limit: countIn(parameters, 'limit', LIMIT_DEFAULT, LIMIT_MAX),
  } as AskedFindings;
}

function countIn(parameters: URLSearchParams, name: string, absent: number, max: number): number {
  const text = parameters.get(name);
  if (text === null || text === '') return absent;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= max)) throw invalid(`${name}: expected a whole number up to ${max}`);
  return number;
}

function textIn(body: Asked['body'], name: string): string {
  const value = body[name] ?? '';
  if (typeof value !== 'string') throw invalid(`${name}: expected a text`);
  return value;
}

function objectIn(body: unknown): Asked['body'] {
  if (body === undefined) return {};
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('expected a JSON object');
  return body as Asked['body'];
}

function expectOneOf(name: string, value: string, values: readonly string[]): void {
  if (!values.includes(value)) throw invalid(`${name}: expected one of ${values.join(', ')}`);
}

function invalid(message: string): OperationalError {
  return new OperationalError('usage.invalid', `${message}.`);
}

function ok(body: unknown): JsonAnswer {
  return { code: 200, body };
}

function found(finding: unknown): JsonAnswer {
  return finding === undefined ? failure(404, 'usage.invalid', 'There is no such finding.') : ok({ finding });
}
