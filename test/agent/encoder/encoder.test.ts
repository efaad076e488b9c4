import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Encoder, loadEncoder } from '../../../agent/encoder/encoder.ts';
import type { RowForm } from '../../../agent/encoder/row-form.ts';
import { LOG_GROUP_LIMITS, LogGroupEncoder, type LogGroupLimits } from '../../../agent/export/cls/log-group.ts';
import { layOutLogs } from '../../../agent/export/cls/log-layout.ts';
import { LogsRequestEncoder, REQUEST_LIMITS } from '../../../agent/export/otlp/logs-request.ts';
import { layOutRecords } from '../../../agent/export/otlp/record-layout.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import type { BatchHeader } from '../../../agent/model/batch-id.ts';
import { RESOURCE_TYPES } from '../../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { FIELD_NAMES } from '../../../agent/record/catalogue.ts';
import { type Column, columnsOf } from '../../../agent/record/field-columns.ts';
import { ATTRIBUTE_NAMES, type AttributeNames, attributeColumns } from '../../../agent/record/otel-attributes.ts';
import { encodeBatches } from '../../../agent/wire/flow-batch.ts';
import { labelBytes } from '../../../agent/wire/flow-batch-reader.ts';
import { BATCH_HEADER } from '../../support/batch-header.ts';
import * as arbitrary from '../../support/flow-records.ts';
import { decodeLogs } from '../../support/otlp-schema.ts';

const OPTIONS = { ledgerLog: true };

function batchOf(records: readonly FlowRecord[], header: Partial<BatchHeader> = {}): Uint8Array {
  const { part: _, split: __, ...rest } = { ...BATCH_HEADER, ...header };
  let bytes = new Uint8Array(0);
  encodeBatches(
    { header: rest, cursor: arbitrary.cursorOver(records), ledger: undefined, recordsMax: 100_000 },
    (encoded) => {
      bytes = encoded.slice();
    },
  );
  return bytes;
}

function record(fields: Partial<FlowRecord> = {}): FlowRecord {
  return { ...createFlowRecord(), annotations: createAnnotations(), ...fields };
}

interface BatchEncoder {
  encode(batch: Uint8Array): { readonly kind: string; readonly bytes?: Uint8Array };
}

/** What comes of a batch, a refusal included. */
function outcome(encoder: BatchEncoder, batch: Uint8Array): unknown {
  try {
    const result = encoder.encode(batch);
    return result.bytes === undefined ? result : { ...result, bytes: Buffer.from(result.bytes).toString('latin1') };
  } catch (error) {
    return String(error);
  }
}

interface Pair {
  readonly both: BatchEncoder;
  readonly alone: BatchEncoder;
}

function clsPair(limits: LogGroupLimits = LOG_GROUP_LIMITS): Pair {
  return {
    both: new LogGroupEncoder(OPTIONS, limits),
    alone: new LogGroupEncoder(OPTIONS, limits, () => undefined),
  };
}

function otlpPair(names: AttributeNames, bytesMax: number = REQUEST_LIMITS.bytes): Pair {
  const options = { ...OPTIONS, names, hostName: 'host-1' };
  const of = (encoder: LogsRequestEncoder) => ({
    encode: (batch: Uint8Array) => encoder.encode(batch, 1_700_000_100_123),
  });
  return {
    both: of(new LogsRequestEncoder(options, bytesMax)),
    alone: of(new LogsRequestEncoder(options, bytesMax, () => undefined)),
  };
}

const PAIRS = [
  ['logs of CLS', () => clsPair()],
  ...ATTRIBUTE_NAMES.map((names) => [`log records of OTLP, names ${names}`, () => otlpPair(names)] as const),
] as const;

function expectSame({ both, alone }: Pair, batch: Uint8Array): void {
  expect(outcome(both, batch)).toEqual(outcome(alone, batch));
}

const anyHeader = fc.record({
  resourceType: fc.constantFrom(...RESOURCE_TYPES),
  fields: fc.subarray([...FIELD_NAMES], { minLength: 0 }),
  windowStart: fc.oneof(fc.constantFrom(-60, 0, 60), fc.integer({ min: 0, max: 4_000_000_000 })),
  interfaceId: fc.oneof(fc.constant('eni-1'), fc.string({ unit: 'grapheme', maxLength: 300 })),
});

type LayOut = (columns: readonly Column[], header: BatchHeader) => RowForm;

const LAY_OUTS = {
  cls: (columns, header) => layOutLogs(columns, header, 0),
  otlp: (columns, header) => layOutRecords(attributeColumns(columns, 'otel'), header, new Uint8Array(0), 'identity'),
} satisfies Readonly<Record<string, LayOut>>;

/** Runs over the records of a batch and answers how far they went. */
function written(
  encoder: Encoder,
  batch: Uint8Array,
  fields: readonly string[],
  { windowStart = 0, layOut = LAY_OUTS.cls }: { windowStart?: number; layOut?: LayOut } = {},
): number {
  const columns = columnsOf('NETWORKINTERFACE', fields)!;
  const header = { ...BATCH_HEADER, windowStart, fields: [...fields] };
  const form = layOut(columns, header);
  const progress = { from: labelBytes(batch), at: 0, values: 0, index: 0 };
  if (!encoder.begin(form, batch, 1_000_000 + form.bytesMax)) return -1;
  encoder.writeRows(progress, 1_000_000, 1_000_000);
  return progress.from;
}

describe.each(PAIRS)('%s that WebAssembly writes', (_, pair) => {
  it('are those of TypeScript, byte for byte, for any fields of any records', () => {
    const same = pair();
    fc.assert(
      fc.property(fc.array(arbitrary.flowRecord, { maxLength: 12 }), anyHeader, (records, header) =>
        expectSame(same, batchOf(records, header)),
      ),
      { numRuns: 500 },
    );
  });

  it('have addresses and numbers of every length', () => {
    const same = pair();
    const group = fc.constantFrom(0, 1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff);
    const word = fc.tuple(group, group).map(([high, low]) => high * 65_536 + low);
    const octets = fc.array(fc.constantFrom(0, 9, 10, 99, 100, 255), { minLength: 4, maxLength: 4 });
    const number = fc
      .tuple(fc.nat(15), fc.constantFrom(-1, 0, 1))
      .map(([digits, more]) => Math.min(10 ** digits + more, Number.MAX_SAFE_INTEGER));
    fc.assert(
      fc.property(word, word, word, word, octets, number, (source0, source1, source2, source3, quad, packets) => {
        const six = record({ family: 6, source0, source1, source2, source3, packets, bytes: packets });
        const four = record({ source0: quad.reduce<number>((sum, octet) => sum * 256 + octet, 0), packets });
        expectSame(same, batchOf([six, four]));
      }),
      { numRuns: 1000 },
    );
  });

  it('are refused as TypeScript refuses them, wherever a batch is damaged', () => {
    const same = pair();
    fc.assert(
      fc.property(
        fc.array(arbitrary.flowRecord, { minLength: 1, maxLength: 6 }),
        anyHeader,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.option(fc.nat()),
        (records, header, changes, end) => {
          const whole = batchOf(records, header);
          for (const [at, byte] of changes) whole[at % whole.length] = byte;
          expectSame(same, end === null ? whole : whole.subarray(0, end % whole.length));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('are refused where a length is right only in its lower 32 bits', () => {
    const addresses = [0x0a, 4, 1, 2, 3, 4, 0x12, 4, 5, 6, 7, 8];
    const beyond = (length: number) => [length | 0x80, 0x80, 0x80, 0x80, 0x10];
    const label = [...batchOf([])];
    const same = pair();
    for (const body of [
      [0x52, ...beyond(addresses.length), ...addresses],
      [0x52, addresses.length + 8, ...addresses, 0x5a, ...beyond(2), 0x08, 1],
      [0x52, addresses.length + 10, ...addresses, 0x5a, 8, 0x12, ...beyond(2), 0x61, 0x61],
    ]) {
      const batch = Uint8Array.from([...label, 0x52, addresses.length, ...addresses, ...body]);
      expectSame(same, batch);
      expect(outcome(same.both, batch)).toContain('a length leads past the end');
    }
  });

  it('lie in a memory that grows with the batch', () => {
    const { both, alone } = pair();
    const small = batchOf([record()]);
    const large = batchOf(Array.from({ length: 9000 }, (_, index) => record({ bytes: index })));
    for (const batch of [small, large, small, large]) expectSame({ both, alone }, batch);
  });
});

it('rows stop at the limits at which those of TypeScript stop', () => {
  const batch = batchOf(
    Array.from({ length: 200 }, (_, index) => record({ packets: 10 ** (index % 16), bytes: index })),
  );
  const length = (of: Pair) => of.alone.encode(batch).bytes!.length;
  for (const over of [-1, 0, 1]) {
    const bodyBytes = length(clsPair()) + over;
    expectSame(clsPair({ ...LOG_GROUP_LIMITS, bodyBytes }), batch);
    expectSame(clsPair({ ...LOG_GROUP_LIMITS, valuesBytes: Math.floor(bodyBytes / 3) }), batch);
    expectSame(otlpPair('otel', length(otlpPair('otel')) + over), batch);
  }
});

it('records of OTLP have the index of their row, whoever writes those before', () => {
  const rejected = record({ isAnnotated: true, annotations: { ...createAnnotations(), rejectRule: 'règle' } });
  const rows = Array.from({ length: 250 }, (_, index) => (index % 7 === 0 ? rejected : record({ bytes: index })));
  const batch = batchOf(rows, { fields: ['reject-rule', 'bytes'] });
  expectSame(otlpPair('otel'), batch);
  const { records } = decodeLogs(otlpPair('otel').both.encode(batch).bytes!);
  const indexes = records.map(({ attributes }) => /-(\d+)$/.exec(String(attributes.get('log.record.uid')))?.[1]);
  expect(indexes).toEqual(rows.map((_, index) => String(index)));
});

describe('the encoder', () => {
  const encoder = loadEncoder()!;

  it.each(FIELD_NAMES.filter((name) => columnsOf('NETWORKINTERFACE', [name])?.[0]?.field.write !== undefined))(
    'writes %s itself',
    (name) => {
      const batch = batchOf([record(), record({ isAnnotated: true, annotations: arbitrary.fullAnnotations() })]);
      for (const layOut of Object.values(LAY_OUTS))
        expect(written(encoder, batch, [name], { layOut })).toBe(batch.length);
    },
  );

  it('leaves to TypeScript what is not ASCII, and all that comes behind', () => {
    const rejectRule = 'règle';
    const rejected = record({ isAnnotated: true, annotations: { ...createAnnotations(), rejectRule } });
    const [first, all] = [batchOf([record()]), batchOf([record(), rejected, record()])];
    expect(written(encoder, all, ['reject-rule'])).toBe(labelBytes(all) + first.length - labelBytes(first));
  });

  it('leaves windows to TypeScript whose times it cannot hold', () => {
    const batch = batchOf([record()]);
    for (const windowStart of [-60, 9e9, Number.NaN])
      expect(written(encoder, batch, ['first'], { windowStart })).toBe(-1);
  });
});
