/**
 * What an operator does to the spool of a running agent, over the control socket alone.
 *
 *     POST   /spool/retry        {"sink"?, "batches"?, "quarantined"?}: what is pending is tried at once; quarantined batches,
 *                                those of `batches` or all, are pending again
 *     DELETE /spool/sinks/SINK   deletes what is left of a sink that the configuration does not name
 *
 * What is refused is answered with `{"error": {"code", "message"}}`, the message a sentence.
 */
import { OperationalError } from '../model/operational-error.ts';
import type { Log } from '../telemetry/log.ts';
import { failure, type JsonAnswer, type Operate, STATUS_CODES } from './flow-log-routes.ts';

export const SPOOL_PATH = '/spool';
const SINKS_PATH = `${SPOOL_PATH}/sinks/`;

export interface RetryRequest {
  /** Undefined: of every sink. */
  readonly sink?: string | undefined;
  /** Names in the quarantine; undefined: all. */
  readonly batches?: readonly string[] | undefined;
}

export interface RetryAnswer {
  /** Pending again. */
  readonly restored: readonly { readonly sink: string; readonly batch: string }[];
  /** Still in the quarantine. */
  readonly refused: readonly { readonly sink: string; readonly batch: string; readonly reason: string }[];
}

/** The spool of a running agent, for its operators. */
export interface SpoolControl {
  /** Whether it is known what is pending. */
  readonly isListed: boolean;
  /** @throws OperationalError `spool.unusable` */
  retryQuarantined(request: RetryRequest): Promise<RetryAnswer>;
  /** Tries what is pending at once. */
  deliverNow(): void;
  /** Answers how many batches were deleted. @throws OperationalError `usage.invalid`, `spool.unusable` */
  removeSink(sink: string): Promise<number>;
}

export function spoolRoutes(spool: SpoolControl, log: Log): Operate {
  const carryOut = async (method: string, path: string, body: unknown): Promise<JsonAnswer> => {
    if (!spool.isListed)
      throw new OperationalError('spool.unusable', 'The spool is still being read: try again later.');
    if (`${method} ${path}` === `POST ${SPOOL_PATH}/retry`) return { code: 200, body: await retry(retryIn(body)) };
    if (method !== 'DELETE' || !path.startsWith(SINKS_PATH)) {
      return failure(405, 'usage.invalid', 'The spool knows POST /spool/retry and DELETE /spool/sinks/SINK.');
    }
    const sink = decodeURIComponent(path.slice(SINKS_PATH.length));
    const removed = await spool.removeSink(sink);
    log.warn('sink removed from the spool, undelivered batches deleted', { sink, batches: removed });
    return { code: 200, body: { sink, removed } };
  };
  const retry = async ({ areWanted, ...request }: ReturnType<typeof retryIn>): Promise<RetryAnswer> => {
    const answer = areWanted ? await spool.retryQuarantined(request) : { restored: [], refused: [] };
    for (const { sink: of, batch } of answer.restored) log.info('batch restored from quarantine', { sink: of, batch });
    spool.deliverNow();
    return answer;
  };
  return async (method, path, body) => {
    try {
      return await carryOut(method, path, body);
    } catch (error) {
      if (error instanceof URIError) return failure(400, 'usage.invalid', 'The name of the sink is not well encoded.');
      if (!(error instanceof OperationalError)) throw error;
      return failure(STATUS_CODES[error.code] ?? 503, error.code, error.message);
    }
  };
}

function retryIn(body: unknown): RetryRequest & { readonly areWanted: boolean } {
  const { sink, batches, quarantined } = (body ?? {}) as Record<string, unknown>;
  const isList = Array.isArray(batches) && batches.every((each) => typeof each === 'string');
  if ((sink !== undefined && typeof sink !== 'string') || (batches !== undefined && !isList)) {
    throw new OperationalError(
      'usage.invalid',
      'A retry takes {"sink": TEXT, "batches": [TEXT], "quarantined": true}.',
    );
  }
  return { sink, batches: batches as string[] | undefined, areWanted: quarantined === true || batches !== undefined };
}
