import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { type Annotations, createAnnotations } from '../../../agent/model/annotations.ts';
import type { BatchHeader } from '../../../agent/model/batch-id.ts';
import { RESOURCE_TYPES } from '../../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { encodeBatches, lengthPrefix, type WindowBatches } from '../../../agent/wire/flow-batch.ts';
import { FlowBatchReader, labelBytes, splitBatch, sumRecords } from '../../../agent/wire/flow-batch-reader.ts';
import { ANNOTATIONS } from '../../../schema/fields.ts';
import { WINDOW_HEADER } from '../../support/batch-header.ts';
import { batchHeader, cursorOver, flowRecord, ledger } from '../../support/flow-records.ts';

const schema = protobuf.loadSync(new URL('../../../proto/flowlog.proto', import.meta.url).pathname);
const FlowBatch = schema.lookupType('flowlog.v1.FlowBatch');

interface Part {
  readonly bytes: Uint8Array;
  readonly part: number;
  readonly records: number;
}

function encoded(window: WindowBatches): Part[] {
  const parts: Part[] = [];
  const count = encodeBatches(window, (bytes, part, records) => parts.push({ bytes: bytes.slice(), part, records }));
  expect(count).toBe(parts.length);
  return parts;
}

function recordsOf(reader: FlowBatchReader): FlowRecord[] {
  const records: FlowRecord[] = [];
  for (let record = createFlowRecord(); reader.next(record); record = createFlowRecord()) records.push(record);
  return records;
}

/** The batch as the schema sees it. */
function decoded(bytes: Uint8Array): Record<string, unknown> {
  return FlowBatch.toObject(FlowBatch.decode(bytes), { longs: Number, defaults: true, bytes: Array });
}

function addressBytes(family: 4 | 6, words: readonly number[]): number[] {
  return (family === 4 ? words.slice(0, 1) : words).flatMap((word) =>
    [24, 16, 8, 0].map((shift) => (word >>> shift) & 255),
  );
}

/** A record as an object of the schema, made independently of the encoder. */
function schemaRecord(record: FlowRecord) {
  const { family } = record;
  return {
    sourceAddress: addressBytes(family, [record.source0, record.source1, record.source2, record.source3]),
    destinationAddress: addressBytes(family, [
      record.destination0,
      record.destination1,
      record.destination2,
      record.destination3,
    ]),
    sourcePort: record.sourcePort,
    destinationPort: record.destinationPort,
    protocol: record.protocol,
    tcpFlags: record.tcpFlags,
    packets: record.packets,
    bytes: record.bytes,
    furtherPackets: record.furtherPackets,
    furtherBytes: record.furtherBytes,
    firstNanoseconds: record.firstMicroseconds * 1000,
    lastNanoseconds: record.lastMicroseconds * 1000,
    annotations: record.isAnnotated ? schemaAnnotations(family, record.annotations) : null,
    ...(record.icmpType < 0 ? {} : { icmpType: record.icmpType, icmpCode: record.icmpCode }),
  };
}

function schemaAnnotations(family: 4 | 6, annotations: Annotations) {
  const held = (name: string) => annotations[name as keyof Annotations];
  return Object.fromEntries(
    ANNOTATIONS.map(({ name, kind }) => {
      if (typeof kind !== 'string') return [name, kind.indexOf(String(held(name)))];
      if (kind === 'microseconds') return [name.replace('Micro', 'Nano'), Number(held(name)) * 1000];
      if (kind !== 'address') return [name, held(name)];
      const words = [0, 1, 2, 3].map((index) => Number(held(`${name}${index}`)));
      return [`${name}Address`, words.some((word) => word !== 0) ? addressBytes(family, words) : []];
    }),
  );
}

function schemaHeader(header: BatchHeader) {
  const { windowStart, resourceType, ...rest } = header;
  return { ...rest, windowStartSeconds: windowStart, resourceType: RESOURCE_TYPES.indexOf(resourceType) };
}

function schemaLedger(ledger: Ledger) {
  const peers = Object.entries(ledger.excludedPeers).map(([rule, each]) => ({ rule, ...each }));
  return { ...ledger, excludedPeers: peers };
}

function totalsOf(records: readonly FlowRecord[]) {
  const sum = (of: (record: FlowRecord) => number) =>
    Math.min(
      records.reduce((total, record) => total + of(record), 0),
      Number.MAX_SAFE_INTEGER,
    );
  return { records: records.length, packets: sum(({ packets }) => packets), bytes: sum(({ bytes }) => bytes) };
}

describe('encoding', () => {
  test('a schema decoder finds in the bytes exactly what the window held', () => {
    fc.assert(
      fc.property(
        batchHeader,
        fc.array(flowRecord, { maxLength: 40 }),
        ledger,
        fc.integer({ min: 1, max: 17 }),
        fc.integer({ min: 0, max: 3 }),
        (header, records, windowLedger, recordsMax, firstPart) => {
          const parts = encoded({ header, cursor: cursorOver(records), ledger: windowLedger, recordsMax, firstPart });
          expect(parts).toHaveLength(Math.max(1, Math.ceil(records.length / recordsMax)));
          for (const [index, { bytes, part, records: count }] of parts.entries()) {
            const slice = records.slice(index * recordsMax, (index + 1) * recordsMax);
            expect(part).toBe(firstPart + index);
            expect(count).toBe(slice.length);
            expect(decoded(bytes)).toEqual({
              ...schemaHeader({ ...header, part, split: '' }),
              records: slice.map(schemaRecord),
              ledger: index === parts.length - 1 ? schemaLedger(windowLedger) : null,
              totals: totalsOf(slice),
              findings: [],
            });
          }
        },
      ),
    );
  });

  test('a window without records is one batch with the ledger', () => {
    const parts = encoded({ header: WINDOW_HEADER, cursor: cursorOver([]), ledger: createLedger(['dhcp']) });
    expect(parts).toHaveLength(1);
    const reader = new FlowBatchReader(parts[0]!.bytes);
    expect(recordsOf(reader)).toEqual([]);
    expect(reader.ledger).toEqual(createLedger(['dhcp']));
  });

  test('batches far larger than the first buffer are whole', () => {
    const records = Array.from({ length: 9000 }, (_, i) => ({
      ...createFlowRecord(),
      family: 6 as const,
      source0: i,
      source3: 0xffff_ffff - i,
      packets: Number.MAX_SAFE_INTEGER,
      bytes: Number.MAX_SAFE_INTEGER,
      firstMicroseconds: 599_999_999,
      lastMicroseconds: 599_999_999,
    }));
    const parts = encoded({ header: WINDOW_HEADER, cursor: cursorOver(records), ledger: undefined });
    expect(parts.map(({ records: count }) => count)).toEqual([4096, 4096, 808]);
    expect(parts.flatMap(({ bytes }) => recordsOf(new FlowBatchReader(bytes)))).toEqual(records);
  });

  test('the label, which stands first, is the batch without its records', () => {
    fc.assert(
      fc.property(batchHeader, fc.array(flowRecord, { maxLength: 9 }), ledger, (header, records, windowLedger) => {
        const [{ bytes }] = encoded({ header, cursor: cursorOver(records), ledger: windowLedger }) as [Part];
        const label = new FlowBatchReader(bytes.subarray(0, labelBytes(bytes)));
        expect(label.header).toEqual({ ...header, part: 0, split: '' });
        expect([label.ledger, label.totals, label.records]).toEqual([windowLedger, totalsOf(records), 0]);
        const counted = sumRecords(new FlowBatchReader(bytes));
        if (Number.isSafeInteger(counted.bytes) && Number.isSafeInteger(counted.packets)) {
          expect(counted).toEqual(label.totals);
        }
      }),
    );
  });

  test('framed batches are what protobuf calls length-delimited', () => {
    const frames = encoded({
      header: WINDOW_HEADER,
      cursor: cursorOver(Array.from({ length: 9 }, createFlowRecord)),
      ledger: createLedger([]),
      recordsMax: 4,
    }).flatMap(({ bytes }) => [lengthPrefix(bytes.length), bytes]);
    const stream = protobuf.Reader.create(Buffer.concat(frames));
    const counts: number[] = [];
    while (stream.pos < stream.len) {
      const { records } = FlowBatch.toObject(FlowBatch.decodeDelimited(stream), { arrays: true });
      counts.push(records.length);
    }
    expect(counts).toEqual([4, 4, 1]);
  });
});

describe('reading', () => {
  test('what a schema encoder wrote is read whole', () => {
    fc.assert(
      fc.property(
        batchHeader,
        fc.array(flowRecord, { maxLength: 20 }),
        fc.option(ledger, { nil: undefined }),
        (head, records, led) => {
          const header = { ...head, part: 7, split: '01' };
          const message = FlowBatch.fromObject({
            ...schemaHeader(header),
            records: records.map(schemaRecord),
            ...(led === undefined ? {} : { ledger: schemaLedger(led) }),
          });
          const reader = new FlowBatchReader(FlowBatch.encode(message).finish());
          expect(reader.header).toEqual(header);
          expect(reader.ledger).toEqual(led);
          expect(reader.records).toBe(records.length);
          expect(recordsOf(reader)).toEqual(records);
        },
      ),
    );
  });

  test.each([
    ['a field of the batch', [0xa2, 0x01, 1, 7]],
    ['a field with a number of 64 bits', [0xb0, 0x01, ...new Array(9).fill(0xff), 0x01]],
    [
      'a field of a record',
      [0x52, 16, 0x0a, 4, 1, 2, 3, 4, 0x12, 4, 5, 6, 7, 8, 0xf0, 0x01, 9, 0x38, 3].map((byte, at) =>
        at === 1 ? 17 : byte,
      ),
    ],
    ['a field of the ledger', [0x4a, 3, 0xf0, 0x01, 9]],
    ['a field of the totals', [0x7a, 2, 0x20, 9]],
    ['a field of a gap', [0x4a, 4, 0x4a, 2, 0x20, 1]],
    ['a resource type', [0x60, 9]],
    ['a gap for a reason that it does not know', [0x4a, 8, 0x4a, 6, 0x1a, 4, ...Buffer.from('moon')]],
    ['an action', [0x52, 16, 0x0a, 4, 1, 2, 3, 4, 0x12, 4, 5, 6, 7, 8, 0x5a, 2, 0x08, 9]],
    ['a translation', [0x52, 16, 0x0a, 4, 1, 2, 3, 4, 0x12, 4, 5, 6, 7, 8, 0x5a, 2, 0x30, 9]],
  ])('%s of a newer flowlogd is neither damage nor left out', (_, bytes) => {
    expect(() => recordsOf(new FlowBatchReader(Uint8Array.from(bytes)))).toThrow(
      expect.objectContaining({ code: 'spool.newer', message: expect.stringContaining('Install that version') }),
    );
  });

  test.each([
    ['an empty address', [0x52, 0x04, 0x0a, 0x00, 0x12, 0x00]],
    ['no address at all', [0x52, 0x00]],
    ['addresses of two families', [0x52, 24, 0x0a, 4, 1, 2, 3, 4, 0x12, 16, ...new Array(16).fill(1)]],
    ['an ICMP type above 255', [0x52, 15, 0x0a, 4, 1, 2, 3, 4, 0x12, 4, 1, 2, 3, 4, 0x60, 0x80, 0x02]],
    ['a port above 65535', [0x52, 16, 0x0a, 4, 1, 2, 3, 4, 0x12, 4, 1, 2, 3, 4, 0x18, 0x80, 0x80, 0x04]],
    ['a length past the end', [0x52, 0x7f]],
    ['a record that says it is longer than its batch inside another field', [0x4a, 2, 0x0a, 9]],
    ['a number of eleven bytes', [0x40, ...new Array(11).fill(0x80), 0x01]],
    ['a number of 2^53', [0x4a, 9, 0x30, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a group', [0x53, 0x54]],
    ['field number zero', [0x02, 0x00]],
    ['a text that is not UTF-8', [0x0a, 1, 0xff]],
    ['a rule that would reach into every object', [0x4a, 13, 0x12, 11, 0x0a, 9, ...Buffer.from('__proto__')]],
    ['a gap for no reason', [0x4a, 2, 0x4a, 0]],
  ])('%s is damage', (_, bytes) => {
    expect(() => recordsOf(new FlowBatchReader(Uint8Array.from(bytes)))).toThrow(
      expect.objectContaining({ code: 'spool.damaged' }),
    );
  });

  test('what a refused record said of itself is not said of the next one', () => {
    const addresses = [0x0a, 4, 1, 2, 3, 4, 0x12, 4, 5, 6, 7, 8];
    const [egressOfNewer, rejected] = [
      [0x5a, 4, 0x18, 2, 0x30, 9],
      [0x5a, 2, 0x08, 1],
    ].map((annotations) => Uint8Array.of(0x52, addresses.length + annotations.length, ...addresses, ...annotations));
    const record = createFlowRecord();
    expect(() => new FlowBatchReader(egressOfNewer!).next(record)).toThrow('Install that version');
    expect(new FlowBatchReader(rejected!).next(record)).toBe(true);
    expect(record.annotations).toEqual({ ...createAnnotations(), action: 'REJECT' });
  });

  test('any bytes are a batch, damage or newer, and never a read past the end', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(flowRecord, { maxLength: 5 }), ledger, mutations, fc.nat(), (records, led, changes, cut) => {
        const [whole] = encoded({ header: WINDOW_HEADER, cursor: cursorOver(records), ledger: led });
        // The bytes stand in the middle of others: a read past their end would find 0xff, not undefined.
        const length = cut % 3 === 0 ? cut % whole!.bytes.length : whole!.bytes.length;
        const around = new Uint8Array(length + 64).fill(0xff);
        const bytes = around.subarray(16, 16 + length);
        bytes.set(whole!.bytes.subarray(0, length));
        for (const [at, value] of changes) if (length > 0) bytes[at % length] = value;
        refusedOrRead(bytes);
      }),
      { numRuns: 3000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), refusedOrRead), { numRuns: 3000 });
  });
});

/** Whatever is read lies in the domain of a record. */
function refusedOrRead(bytes: Uint8Array): void {
  try {
    for (const record of recordsOf(new FlowBatchReader(bytes))) {
      expect(record.sourcePort).toBeLessThanOrEqual(0xffff);
      const { icmpType, icmpCode, ...rest } = record;
      for (const value of [icmpType, icmpCode]) expect(value >= -1 && value <= 0xff).toBe(true);
      const numbers = [rest, record.annotations].flatMap((part) => Object.values(part)).filter(Number.isFinite);
      for (const value of numbers) expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
    }
    splitBatch(bytes);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    expect(['spool.damaged', 'spool.newer']).toContain(error.code);
  }
}

describe('splitting', () => {
  test('the halves hold all records, the ledger goes with the second, and each cut is written in the identity', () => {
    fc.assert(
      fc.property(fc.array(flowRecord, { minLength: 2, maxLength: 30 }), ledger, (records, led) => {
        const [whole] = encoded({ header: WINDOW_HEADER, cursor: cursorOver(records), ledger: led });
        const [first, second] = splitBatch(whole!.bytes)!.map((bytes) => new FlowBatchReader(bytes));
        expect(first!.header).toEqual({ ...WINDOW_HEADER, part: 0, split: '0' });
        expect(second!.header).toEqual({ ...WINDOW_HEADER, part: 0, split: '1' });
        expect([first!.ledger, second!.ledger]).toEqual([undefined, led]);
        expect(Math.abs(first!.records - second!.records)).toBeLessThanOrEqual(1);
        const [left, right] = [recordsOf(first!), recordsOf(second!)];
        expect([...left, ...right]).toEqual(records);
        expect([first!.totals, second!.totals]).toEqual([totalsOf(left), totalsOf(right)]);
      }),
    );
  });

  test('a half is split again with a longer path, down to one record', () => {
    const records = Array.from({ length: 5 }, (_, i) => ({ ...createFlowRecord(), packets: i + 1 }));
    const [whole] = encoded({ header: WINDOW_HEADER, cursor: cursorOver(records), ledger: undefined });
    const leaves: FlowBatchReader[] = [];
    const cut = (bytes: Uint8Array): void => {
      const halves = splitBatch(bytes);
      if (halves === undefined) leaves.push(new FlowBatchReader(bytes));
      else halves.forEach(cut);
    };
    cut(whole!.bytes);
    expect(leaves.map(({ header }) => header.split)).toEqual(['00', '01', '10', '110', '111']);
    expect(leaves.flatMap(recordsOf).map(({ packets }) => packets)).toEqual([1, 2, 3, 4, 5]);
  });

  test('a batch without records, with its ledger only, is not split', () => {
    const windowLedger: Ledger = createLedger([]);
    const [whole] = encoded({ header: WINDOW_HEADER, cursor: cursorOver([]), ledger: windowLedger });
    expect(splitBatch(whole!.bytes)).toBeUndefined();
  });
});
