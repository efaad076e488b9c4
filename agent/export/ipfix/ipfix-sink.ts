import { OperationalError } from '../../model/operational-error.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../model/sink.ts';
import { ConnectError } from '../http/connect-error.ts';
import {
  BATCH_RECORDS_MAX,
  type FlowMessages,
  FlowMessagesEncoder,
  type FlowMessagesOptions,
} from './flow-messages.ts';
import { type Line, LineError, SETTLE_MS, type Way } from './line.ts';
import { MESSAGE_HEAD_BYTES, type Messages, writeMessageHead } from './message-writer.ts';
import { Session } from './session.ts';

export interface IpfixSinkOptions extends FlowMessagesOptions {
  /** Where it sends, for people. */
  readonly description: string;
  readonly way: Way;
  /** What a probe that nothing refuses says. */
  readonly openNote: string;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Batches of which one is being written and the others stand for what a refusal may say of them. */
const IN_FLIGHT = 4;
/** A refusal comes back within the time of a way there and back. */
const PROBE_MS = 300;

interface Written {
  readonly line: Line;
  readonly messages: FlowMessages;
}

/**
 * Sends flow batches to a collector of IPFIX, one batch after the other. Nothing is acknowledged, so a batch is `sent`, unless the line to the
 * collector fails while it is written or a moment later: then all of it is sent again, over the next one.
 */
export class IpfixSink implements Sink {
  readonly description: string;
  readonly limits: SinkLimits = { records: BATCH_RECORDS_MAX, bytes: Number.POSITIVE_INFINITY, inFlight: IN_FLIGHT };
  readonly #options: IpfixSinkOptions;
  readonly #encoder: FlowMessagesEncoder;
  readonly #session = new Session();
  #line: Line | undefined;
  /** Settled when the batch before has been written, or failed. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: IpfixSinkOptions) {
    this.description = options.description;
    this.#options = options;
    this.#encoder = new FlowMessagesEncoder(options);
  }

  async send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    const written = this.#turn.then(() => this.#write(batch, signal));
    this.#turn = written.catch(() => undefined);
    const outcome = await written;
    if ('kind' in outcome) return outcome;
    const { line, messages } = outcome;
    const failure = await line.settle(SETTLE_MS, signal);
    return failure === undefined ? { kind: 'sent' } : this.#failed(failure, messages);
  }

  /** Nothing is sent but, over UDP, a message without records. */
  async probe(signal: AbortSignal): Promise<ProbeOutcome> {
    const asked = this.#turn.then(() => this.#ask(signal));
    this.#turn = asked.catch(() => undefined);
    return asked;
  }

  async close(): Promise<void> {
    await this.#options.way.close();
  }

  async #write(batch: Uint8Array, signal: AbortSignal): Promise<Written | SendOutcome> {
    if (signal.aborted) return { kind: 'retry', reason: 'sending was called off' };
    let messages: FlowMessages | undefined;
    try {
      const line = await this.#open();
      messages = this.#encoder.encode(batch, this.#session, this.#options.nowMs());
      await line.write(messages, signal);
      return { line, messages };
    } catch (error) {
      if (error instanceof OperationalError) return refusalOf(error);
      return this.#failed(error, messages);
    }
  }

  async #ask(signal: AbortSignal): Promise<ProbeOutcome> {
    try {
      const line = await this.#open();
      if (!this.#options.way.isStream) await line.write(emptyMessage(this.#options.nowMs()), signal);
      const failure = await line.settle(PROBE_MS, signal);
      if (failure !== undefined) return { kind: 'retry', reason: failure.message };
      return { kind: 'accepted', note: this.#options.openNote };
    } catch (error) {
      return { kind: 'retry', reason: reasonOf(error) };
    }
  }

  /** The line as it is, or another one: who is at its end has no template of ours. */
  async #open(): Promise<Line> {
    const { way } = this.#options;
    const line = await way.open();
    if (line === this.#line) return line;
    this.#line = line;
    this.#session.forgetTemplates();
    if (way.isStream) this.#session.restartSequences();
    return line;
  }

  #failed(error: unknown, messages: FlowMessages | undefined): SendOutcome {
    messages?.takeBack();
    return { kind: 'retry', reason: reasonOf(error) };
  }
}

/** @throws what is no failure of the network */
function reasonOf(error: unknown): string {
  if (error instanceof LineError || error instanceof ConnectError) return error.message;
  throw error;
}

function refusalOf({ code, message }: OperationalError): SendOutcome {
  return { kind: code === 'spool.newer' ? 'newer' : 'poison', reason: message };
}

/** One without records, in domain 0, which stands for no flow log. */
function emptyMessage(nowMs: number): Messages {
  const bytes = new Uint8Array(MESSAGE_HEAD_BYTES);
  writeMessageHead({ length: bytes.length, nowMs, sequence: 0, domain: 0 }, bytes, 0);
  return { bytes, ends: [bytes.length] };
}
