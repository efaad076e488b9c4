import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sendWithinLimits } from '../../../agent/export/parts.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import type { SendOutcome, Sink, SinkLimits } from '../../../agent/model/sink.ts';
import { encodeBatches } from '../../../agent/wire/flow-batch.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { WINDOW_HEADER } from '../../support/batch-header.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { probeOpen, ROOMY } from '../../support/sink-limits.ts';

const ACCEPTED: SendOutcome = { kind: 'accepted' };
const RETRY: SendOutcome = { kind: 'retry', reason: 'away', afterMs: 7 };

/** Records are distinguished by their source port: 1, 2, 3 ... */
function batchOf(records: number): Uint8Array {
  const flows = Array.from({ length: records }, (_, n) => ({ ...createFlowRecord(), sourcePort: n + 1, packets: 1 }));
  let bytes = new Uint8Array(0);
  encodeBatches({ header: WINDOW_HEADER, cursor: cursorOver(flows), ledger: undefined }, (encoded) => {
    bytes = encoded.slice();
  });
  return bytes;
}

function portsOf(batch: Uint8Array): number[] {
  const reader = new FlowBatchReader(batch);
  const record = createFlowRecord();
  const ports: number[] = [];
  while (reader.next(record)) ports.push(record.sourcePort);
  return ports;
}

const splitOf = (batch: Uint8Array): string => new FlowBatchReader(batch).header.split;

function sinkOf(limits: Partial<SinkLimits>, answer: (batch: Uint8Array, attempt: number) => SendOutcome) {
  const sent: Uint8Array[] = [];
  const sink: Sink = {
    description: 'a fake',
    limits: { ...ROOMY, ...limits },
    async send(batch) {
      sent.push(batch);
      return answer(batch, sent.length);
    },
    probe: probeOpen,
    close: async () => {},
  };
  return { sent, send: (batch: Uint8Array) => sendWithinLimits(sink, batch, new AbortController().signal) };
}

describe('a batch beyond the limits of a sink', () => {
  it('is sent in parts that fit, each record once, each part under an identity of its own', async () => {
    const { sent, send } = sinkOf({ records: 3 }, () => ACCEPTED);
    expect(await send(batchOf(10))).toEqual(ACCEPTED);
    expect(Math.max(...sent.map((part) => portsOf(part).length))).toBeLessThanOrEqual(3);
    expect(sent.flatMap(portsOf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(new Set(sent.map(splitOf)).size).toBe(sent.length);
  });

  it('is cut by its bytes, too', async () => {
    const bytes = batchOf(4).length;
    const { sent, send } = sinkOf({ bytes }, () => ACCEPTED);
    await send(batchOf(12));
    expect(Math.max(...sent.map((part) => part.length))).toBeLessThanOrEqual(bytes);
    expect(sent.flatMap(portsOf)).toHaveLength(12);
  });

  it('stays whole when the sink takes none of it', async () => {
    const { send } = sinkOf({ records: 3 }, () => RETRY);
    expect(await send(batchOf(10))).toEqual(RETRY);
  });

  it('leaves what remains after a part that is not taken, and no record that was', async () => {
    const { sent, send } = sinkOf({ records: 3 }, (_, attempt) => (attempt < 3 ? ACCEPTED : RETRY));
    const outcome = await send(batchOf(12));
    if (outcome.kind !== 'partial') throw new Error(outcome.kind);
    expect(outcome).toMatchObject({ reason: 'away', afterMs: 7 });
    const taken = sent.slice(0, 2).flatMap(portsOf);
    expect([...taken, ...outcome.rest.flatMap(portsOf)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('has its poison set apart from what is good', async () => {
    const { send } = sinkOf({ records: 2 }, (part) =>
      portsOf(part).includes(1) ? { kind: 'poison', reason: 'InvalidContent' } : ACCEPTED,
    );
    const outcome = await send(batchOf(8));
    if (outcome.kind !== 'partial') throw new Error(outcome.kind);
    expect(outcome.rest.map(portsOf)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6, 7, 8],
    ]);
  });

  it('is sent, not accepted, where one part was not acknowledged', async () => {
    const { send } = sinkOf({ records: 2 }, (_, attempt) => (attempt === 2 ? { kind: 'sent' } : ACCEPTED));
    expect(await send(batchOf(6))).toEqual({ kind: 'sent' });
  });

  it('goes whole when it cannot be cut or read, for the sink to judge', async () => {
    const refusal: SendOutcome = { kind: 'too-large', reason: '413' };
    const { sent, send } = sinkOf({ records: 5, bytes: 1 }, () => refusal);
    expect(await send(batchOf(1))).toEqual(refusal);
    expect(await send(Uint8Array.of(0xff, 0xff))).toEqual(refusal);
    expect(sent).toHaveLength(2);
  });

  it('is never taken twice, whatever is answered, when what remains is sent again', async () => {
    const answer = fc.constantFrom<SendOutcome>(ACCEPTED, ACCEPTED, RETRY, { kind: 'blocked', reason: 'arrears' });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(answer, { maxLength: 30 }),
        async (records, recordsMax, answers) => {
          const taken: number[] = [];
          const script = [...answers];
          const { send } = sinkOf({ records: recordsMax }, (part) => {
            const next = script.shift() ?? ACCEPTED;
            if (next.kind === 'accepted') taken.push(...portsOf(part));
            return next;
          });
          const pending = [batchOf(records)];
          let deepest = 0;
          for (let batch = pending.shift(); batch !== undefined; batch = pending.shift()) {
            const outcome = await send(batch);
            if (outcome.kind === 'partial') pending.unshift(...outcome.rest);
            else if (outcome.kind !== 'accepted') pending.unshift(batch);
            if (outcome.kind === 'partial') deepest = Math.max(deepest, outcome.rest.length);
          }
          expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: records }, (_, n) => n + 1));
          expect(deepest).toBeLessThanOrEqual(Math.ceil(Math.log2(records + 1)) + 1);
        },
      ),
    );
  });
});
