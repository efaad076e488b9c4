/**
 * Batches have one size, sinks have limits of their own: a batch beyond them is cut in halves until every part fits, and the
 * parts are sent one after the other. Each carries its cut in its identity, so it has the same one whenever it is sent.
 *
 * The first part that is not taken ends the attempt. What remains is that part and, whole, every later half on the way back
 * up: as many batches as the tree is deep, not as it has leaves.
 */
import { OperationalError } from '../model/operational-error.ts';
import type { Rejection, SendOutcome, Sink, SinkLimits } from '../model/sink.ts';
import { FlowBatchReader, splitBatch } from '../wire/flow-batch-reader.ts';

type Refused = Exclude<SendOutcome, { kind: 'accepted' | 'sent' }>;

/** Where an attempt ended: what was answered, and what is still to be sent, in order. */
interface Stop {
  readonly outcome: Refused;
  readonly rest: readonly Uint8Array[];
}

/** One attempt to deliver a batch to a sink within its limits. */
export async function sendWithinLimits(sink: Sink, batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
  const attempt = new Attempt(sink, signal);
  const stop = await attempt.send(batch);
  if (stop === undefined) return taken(attempt);
  const { outcome, rest } = stop;
  if (rest[0] === batch) return outcome;
  // Nothing of it was taken, and nothing is wrong with the part: the batch stays whole.
  if (!attempt.hasTaken && (outcome.kind === 'retry' || outcome.kind === 'blocked')) return outcome;
  return partial(outcome, rest, attempt.rejected);
}

function taken({ isAcknowledged, rejected }: Attempt): SendOutcome {
  if (!isAcknowledged) return { kind: 'sent' };
  return rejected === undefined ? { kind: 'accepted' } : { kind: 'accepted', rejected };
}

function partial(outcome: Refused, rest: readonly Uint8Array[], rejected: Rejection | undefined): SendOutcome {
  const { reason } = outcome;
  const afterMs = 'afterMs' in outcome ? outcome.afterMs : undefined;
  return {
    kind: 'partial',
    rest,
    reason,
    ...(afterMs === undefined ? {} : { afterMs }),
    ...(rejected === undefined ? {} : { rejected }),
  };
}

class Attempt {
  readonly #sink: Sink;
  readonly #signal: AbortSignal;
  hasTaken = false;
  isAcknowledged = true;
  /** Of all parts that were taken; the first reason counts. */
  rejected: Rejection | undefined;

  constructor(sink: Sink, signal: AbortSignal) {
    this.#sink = sink;
    this.#signal = signal;
  }

  /** Undefined when all of it was taken. */
  async send(batch: Uint8Array): Promise<Stop | undefined> {
    const halves = isWithin(this.#sink.limits, batch) ? undefined : halvesOf(batch);
    if (halves === undefined) return this.#sendPart(batch);
    const [first, second] = halves;
    const stop = await this.send(first);
    return stop === undefined ? this.send(second) : { ...stop, rest: [...stop.rest, second] };
  }

  async #sendPart(batch: Uint8Array): Promise<Stop | undefined> {
    const outcome = await this.#sink.send(batch, this.#signal);
    const isTaken = outcome.kind === 'accepted' || outcome.kind === 'sent';
    this.hasTaken ||= isTaken || outcome.kind === 'partial';
    if (outcome.kind === 'sent') this.isAcknowledged = false;
    if ('rejected' in outcome && outcome.rejected !== undefined) this.#reject(outcome.rejected);
    if (isTaken) return undefined;
    return { outcome, rest: outcome.kind === 'partial' ? outcome.rest : [batch] };
  }

  #reject({ records, reason }: Rejection): void {
    const { rejected: before } = this;
    this.rejected = { records: records + (before?.records ?? 0), reason: before?.reason ?? reason };
  }
}

/** What is no batch is for the sink to refuse. */
function isWithin({ records, bytes }: SinkLimits, batch: Uint8Array): boolean {
  if (batch.length > bytes) return false;
  if (records === Number.POSITIVE_INFINITY) return true;
  try {
    return new FlowBatchReader(batch).records <= records;
  } catch (error) {
    if (error instanceof OperationalError) return true;
    throw error;
  }
}

/** Undefined when there is nothing to cut. @throws OperationalError `spool.newer` */
export function halvesOf(batch: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  try {
    return splitBatch(batch);
  } catch (error) {
    if (error instanceof OperationalError && error.code !== 'spool.newer') return undefined;
    throw error;
  }
}
