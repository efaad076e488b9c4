/**
 * The flow logs over the control socket, and over nothing else: who may open the socket may change them.
 *
 *     GET    /flow-logs       all of them, as in flow-log-view.ts
 *     POST   /flow-logs       create: options as the configuration file has them
 *     PATCH  /flow-logs/ID    name, description, tags ({"key": "value"}, null takes one away), enabled;
 *                             windowSeconds where the resource type is CCN
 *     DELETE /flow-logs/ID    closes its windows, ships them, and forgets it
 *
 * Bodies are JSON. What is refused is answered with `{"error": {"code", "message"}}`, the message a sentence.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FlowLogControl } from '../flow-logs/reconciler.ts';
import type { AttributeChange } from '../flow-logs/registry.ts';
import { type ErrorCode, OperationalError } from '../model/operational-error.ts';
import type { StatusCollector } from '../telemetry/status-collector.ts';
import { viewFlowLogs } from './flow-log-view.ts';
import type { SinkProbes } from './sink-probe.ts';

export const FLOW_LOGS_PATH = '/flow-logs';
/** How long an answer waits for the log service. */
const PROBE_MS = 2_000;

export interface JsonAnswer {
  readonly code: number;
  readonly body: unknown;
}

/** Never fails for what the request is. @param body parsed, undefined without one @param signal the client went away */
export type Operate = (
  method: string,
  path: string,
  body: unknown,
  parameters?: URLSearchParams,
  signal?: AbortSignal,
) => Promise<JsonAnswer>;

export function flowLogRoutes(control: FlowLogControl, status: StatusCollector, probes: SinkProbes): Operate {
  const all = async () => {
    // Until its first upload nobody has heard from a sink; no longer than a network that swallows everything allows.
    const unheard = status.read().sinks.flatMap(({ name, attempts }) => (attempts === 0 ? [name] : []));
    if (unheard.length > 0) await Promise.race([probes.ask(unheard), sleep(PROBE_MS, undefined, { ref: false })]);
    return viewFlowLogs(control, status.read(), (name) => probes.answerOf(name));
  };
  const one = async (id: string) => (await all()).flowLogs.find((view) => view.id === id);
  const carryOut = async (method: string, id: string, body: unknown): Promise<JsonAnswer> => {
    switch (`${method} ${id === '' ? 'all' : 'one'}`) {
      case 'GET all':
        return { code: 200, body: await all() };
      case 'POST all':
        return { code: 201, body: await one((await control.create(objectIn(body))).id) };
      case 'PATCH one':
        return { code: 200, body: await one((await control.modify(id, changeIn(body))).id) };
      case 'DELETE one':
        return { code: 200, body: { deleted: (await control.remove(id)).id } };
      default:
        return failure(
          405,
          'usage.invalid',
          'Method not allowed: GET and POST on the list, PATCH and DELETE on one flow log.',
        );
    }
  };
  return async (method, path, body) => {
    try {
      return await carryOut(method, decodeURIComponent(path.slice(FLOW_LOGS_PATH.length + 1)), body);
    } catch (error) {
      if (error instanceof URIError) return failure(400, 'usage.invalid', 'Invalid id: bad URL encoding.');
      if (!(error instanceof OperationalError)) throw error;
      return failure(STATUS_CODES[error.code] ?? 503, error.code, error.message);
    }
  };
}

/** Of what the asker can do something about; the rest is the agent's trouble. */
export const STATUS_CODES: Partial<Record<ErrorCode, number>> = {
  'usage.invalid': 400,
  'config.invalid': 400,
  'capture.no-interface': 404,
  'flow-log.refused': 409,
};

export function failure(code: number, error: ErrorCode, message: string): JsonAnswer {
  return { code, body: { error: { code: error, message } } };
}

function objectIn(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new OperationalError('usage.invalid', 'Invalid body: expected a JSON object.');
}

const CHANGEABLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  name: (value) => typeof value === 'string',
  description: (value) => typeof value === 'string',
  enabled: (value) => typeof value === 'boolean',
  windowSeconds: (value) => typeof value === 'number',
  tags: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((each) => each === null || typeof each === 'string'),
};

function changeIn(body: unknown): AttributeChange {
  for (const [name, value] of Object.entries(objectIn(body))) {
    if (!Object.hasOwn(CHANGEABLE, name)) {
      throw new OperationalError('flow-log.refused', `${name} is immutable. Delete the flow log and create a new one.`);
    }
    if (!CHANGEABLE[name]!(value)) throw new OperationalError('usage.invalid', `Invalid value of ${name}.`);
  }
  return body as AttributeChange;
}
