/** An exporter with everything around it in memory. */
import { DEFAULT_BACKOFF } from '../../agent/export/backoff.ts';
import { EXPORTER_DEFAULTS, Exporter, type ExporterOptions } from '../../agent/export/exporter.ts';
import { ROW_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import type { SendOutcome, Sink } from '../../agent/model/sink.ts';
import { encodeBatches } from '../../agent/wire/flow-batch.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { FakeStore } from './fake-store.ts';
import { FakeTimers } from './fake-timers.ts';
import { cursorOver } from './flow-records.ts';
import { probeOpen, ROOMY } from './sink-limits.ts';

export const ACCEPTED: SendOutcome = { kind: 'accepted' };
export const RETRY: SendOutcome = { kind: 'retry', reason: 'the service is away' };
export const BLOCKED: SendOutcome = { kind: 'blocked', reason: 'arrears' };
export const TOO_LARGE: SendOutcome = { kind: 'too-large', reason: '413' };
export const POISON: SendOutcome = { kind: 'poison', reason: 'InvalidContent' };

/** A batch of `records` records whose sole identity is its name. */
export function batch(name: string, records = 1): Uint8Array {
  const flows: FlowRecord[] = Array.from({ length: records }, (_, port) => ({
    ...createFlowRecord(),
    sourcePort: port + 1,
    packets: 1,
  }));
  let bytes = new Uint8Array(0);
  const header = {
    hostId: name,
    runId: '',
    flowLogId: '',
    interfaceId: '',
    accountId: '',
    windowStart: 60,
    windowSeconds: 60,
    ...ROW_DEFAULTS,
  };
  encodeBatches({ header, cursor: cursorOver(flows), ledger: undefined }, (encoded) => {
    bytes = encoded.slice();
  });
  return bytes;
}

export function nameOf(bytes: Uint8Array): string {
  const { header } = new FlowBatchReader(bytes);
  return header.hostId + [...header.split].map((digit) => `.${digit}`).join('');
}

/** Every record of some batches, by the name of the batch it was first in. */
export function recordsOf(batches: Iterable<Uint8Array>): string[] {
  const all: string[] = [];
  for (const bytes of batches) {
    const reader = new FlowBatchReader(bytes);
    const record = createFlowRecord();
    while (reader.next(record)) all.push(`${reader.header.hostId}/${record.sourcePort}`);
  }
  return all;
}

export const names = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `b${String(n).padStart(3, '0')}`);

/** Answers as asked and remembers what it was sent, and how much of it at once. */
export class FakeSink implements Sink {
  readonly description = 'a fake';
  limits = ROOMY;
  readonly probe = probeOpen;
  readonly sent: string[] = [];
  readonly accepted: string[] = [];
  readonly acceptedBytes: Uint8Array[] = [];
  answer: (name: string, attempt: number) => SendOutcome | Promise<SendOutcome> = () => ACCEPTED;
  atOnce = 0;
  atOnceMax = 0;
  readonly #attempts = new Map<string, number>();

  async send(bytes: Uint8Array): Promise<SendOutcome> {
    const name = nameOf(bytes);
    const attempt = (this.#attempts.get(name) ?? 0) + 1;
    this.#attempts.set(name, attempt);
    this.sent.push(name);
    this.atOnceMax = Math.max(this.atOnceMax, ++this.atOnce);
    // Long enough for whatever else starts in the same turn.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    const outcome = await this.answer(name, attempt);
    this.atOnce--;
    if (outcome.kind === 'accepted') {
      this.accepted.push(name);
      this.acceptedBytes.push(bytes);
    }
    return outcome;
  }

  async close(): Promise<void> {}
}

/** An exporter between a store and a sink in memory, under a clock that stands still. */
export function world(batches: readonly string[], options: Partial<ExporterOptions> = {}) {
  const store = new FakeStore(batches.map((name) => [name, batch(name)]));
  const sink = new FakeSink();
  const timers = new FakeTimers();
  const states: string[] = [];
  const delivered: string[] = [];
  const newer: string[] = [];
  const setAside: string[] = [];
  const cut: string[] = [];
  const rejected: string[] = [];
  const exporter = new Exporter({
    store,
    sink,
    timers,
    random: () => 0.5,
    backoff: DEFAULT_BACKOFF,
    ...EXPORTER_DEFAULTS,
    events: {
      onState: (state, lastError) => states.push(lastError === undefined ? state : `${state}: ${lastError}`),
      onDelivered: (name) => delivered.push(name),
      onRejected: (name, records, reason) => rejected.push(`${name}: ${records}, ${reason}`),
      onQuarantined: (name, reason) => setAside.push(`${name}: ${reason}`),
      onSplit: (name, reason) => cut.push(`${name}: ${reason}`),
      onNewer: (name, reason) => newer.push(`${name}: ${reason}`),
    },
    ...options,
  });
  return { store, sink, timers, exporter, states, delivered, newer, setAside, cut, rejected };
}

export function reasonOf(outcome: SendOutcome): string {
  return 'reason' in outcome ? outcome.reason : outcome.kind;
}
