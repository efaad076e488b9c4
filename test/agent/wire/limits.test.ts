import { describe, expect, test } from 'vitest';
import { ANNOTATION_TEXT_BYTES_MAX, createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { encodeBatches } from '../../../agent/wire/flow-batch.ts';
import { FlowBatchReader, withoutLedger } from '../../../agent/wire/flow-batch-reader.ts';
import { ProtobufReader } from '../../../agent/wire/protobuf-reader.ts';
import { WINDOW_HEADER } from '../../support/batch-header.ts';
import { cursorOver, fullAnnotations } from '../../support/flow-records.ts';

const ADDRESSES = [0x0a, 4, 10, 0, 0, 1, 0x12, 4, 10, 0, 0, 2];

/** A batch of one IPv4 record with these fields beside its addresses. */
function recordWith(...fields: readonly number[]): number[] {
  return [0x52, ADDRESSES.length + fields.length, ...ADDRESSES, ...fields];
}

/** A field of the batch that holds these bytes. */
function message(tag: number, ...body: readonly number[]): number[] {
  return [tag, body.length, ...body];
}

function read(bytes: readonly number[]): FlowRecord {
  const reader = new FlowBatchReader(Uint8Array.from(bytes));
  const record = createFlowRecord();
  while (reader.next(record));
  return record;
}

function encoded(records: readonly FlowRecord[]): Uint8Array {
  let batch = new Uint8Array(0);
  const ledger = createLedger(['dhcp']);
  encodeBatches({ header: WINDOW_HEADER, cursor: cursorOver(records), ledger }, (bytes) => {
    batch = bytes.slice();
  });
  return batch;
}

function primitive(bytes: readonly number[]): ProtobufReader {
  return new ProtobufReader(Uint8Array.from(bytes), 0, bytes.length);
}

const PROTO = [...Buffer.from('__proto__')];

describe('the error of a damaged batch says what is wrong', () => {
  test.each([
    ['a field has an impossible number', [0x02, 0x00]],
    ['a field has an impossible number', [0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a number is cut off or too large', recordWith(0x38, 0x80)],
    ['a number is cut off or too large', recordWith(0x38, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)],
    ['a signed number is cut off or too large', [0x30, 0x80]],
    ['a signed number is cut off or too large', [0x30, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a number is cut off', [0xa0, 0x01, 0x80]],
    ['a number is larger than 65535', recordWith(0x18, 0x80, 0x80, 0x04)],
    ['a number is larger than 65535', recordWith(0x20, 0x80, 0x80, 0x04)],
    ['a number is larger than 255', recordWith(0x28, 0x80, 0x02)],
    ['a number is larger than 255', recordWith(0x30, 0x80, 0x02)],
    ['a number is larger than 255', recordWith(0x60, 0x80, 0x02)],
    ['a number is larger than 255', recordWith(0x68, 0x80, 0x02)],
    ['a number is larger than 4294967295', [0x38, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a number is larger than 4294967295', [0x40, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['an address has neither 4 nor 16 bytes', message(0x52, 0x0a, 5, 1, 2, 3, 4, 5)],
    ['a record has no two addresses of one family', message(0x52)],
    ['a record has no two addresses of one family', message(0x52, 0x0a, 4, 1, 2, 3, 4)],
    ['a text is not UTF-8', message(0x0a, 0xff)],
    ['a length leads past the end', [0x52, 0x7f]],
    ['a length leads past the end', [0x51, 1, 2, 3, 4, 5, 6, 7]],
    ['a length leads past the end', [0x55, 1, 2, 3]],
    ['a length leads past the end', message(0x4a, 0x4a, 8, 0x09, 0, 0, 0, 0, 0, 0, 0)],
    ['a field has a type that proto3 does not know', [0x53, 0x54]],
    ['a gap has no reason', message(0x4a, 0x4a, 0)],
    ['a constant has a name that no field can have', message(0x72, ...message(0x0a, ...PROTO))],
    ['an exclusion rule has a name that no rule can have', message(0x4a, ...message(0x12, ...message(0x0a, ...PROTO)))],
    [
      'an exclusion rule has a name that no rule can have',
      message(0x4a, 0x82, 0x01, PROTO.length + 2, ...message(0x0a, ...PROTO)),
    ],
    ['a peer has a number that no packet can have', message(0x4a, 0x82, 0x01, 5, ...message(0x12, 0x18, 0x80, 0x02))],
    [
      'a peer has a number that no packet can have',
      message(0x4a, 0x82, 0x01, 6, ...message(0x12, 0x20, 0x80, 0x80, 0x04)),
    ],
  ])('%s (%#)', (what, bytes) => {
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({
        code: 'spool.damaged',
        message: `Reading a flow batch failed: ${what}; these bytes are not what flowlogd wrote.`,
      }),
    );
  });
});

describe('the error of a newer batch names what is not known', () => {
  test.each([
    ['field 20', [0xa2, 0x01, 1, 7]],
    ['field 30', recordWith(0xf0, 0x01, 9)],
    ['field 4', message(0x7a, 0x20, 9)],
    ['field 3', message(0x72, 0x18, 9)],
    ['field 3', message(0x4a, ...message(0x12, 0x18, 9))],
    ['field 4', message(0x4a, 0x82, 0x01, 2, 0x20, 1)],
    ['field 8', message(0x4a, 0x82, 0x01, 4, ...message(0x12, 0x40, 1))],
    ['field 14', recordWith(...message(0x5a, 0x70, 1))],
    ['field 16', recordWith(0x80, 0x01, 1)],
    ['resource type 9', [0x60, 9]],
    ["gap reason 'moon'", message(0x4a, ...message(0x4a, ...message(0x1a, ...Buffer.from('moon'))))],
    ['value 9 of an annotation', recordWith(...message(0x5a, 0x18, 9))],
  ])('%s (%#)', (what, bytes) => {
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({
        code: 'spool.newer',
        message: `Reading a flow batch failed: a newer flowlogd wrote it (${what}). Install that version again to deliver it.`,
      }),
    );
  });
});

describe('the largest values that are no damage', () => {
  test('of a record', () => {
    const port = [0xff, 0xff, 0x03];
    const octet = [0xff, 0x01];
    const fields = [0x18, ...port, 0x20, ...port, 0x28, ...octet, 0x30, ...octet, 0x60, ...octet, 0x68, ...octet];
    expect(read(recordWith(...fields))).toMatchObject({
      sourcePort: 65_535,
      destinationPort: 65_535,
      protocol: 255,
      tcpFlags: 255,
      icmpType: 255,
      icmpCode: 255,
    });
  });

  test('of a peer that was excluded', () => {
    const peer = message(0x12, 0x18, 0xff, 0x01, 0x20, 0xff, 0xff, 0x03);
    const bytes = message(0x4a, 0x82, 0x01, peer.length + 3, ...message(0x0a, 0x78), ...peer);
    const { ledger } = new FlowBatchReader(Uint8Array.from(bytes));
    expect(ledger!.excludedPeers['x']!.peers).toMatchObject([{ protocol: 255, port: 65_535 }]);
  });

  test('of numbers: 2^53 - 1, and as much below zero where they have a sign', () => {
    const largest = [...new Array<number>(7).fill(0xff), 0x0f];
    expect(primitive(largest).varint()).toBe(Number.MAX_SAFE_INTEGER);
    expect(primitive(largest).signed()).toBe(Number.MAX_SAFE_INTEGER);
    const smallest = [0x81, ...new Array<number>(6).fill(0x80), 0xf0, 0xff, 0x01];
    expect(primitive(smallest).signed()).toBe(Number.MIN_SAFE_INTEGER);
    expect(() => primitive([0x80, ...smallest.slice(1)]).signed()).toThrow('a signed number is cut off or too large');
  });

  test('of the number of a field: 2^29 - 1, behind which the type has three bits', () => {
    expect(primitive([0xff, 0xff, 0xff, 0xff, 0x0f]).tag()).toBe(0xffff_ffff);
    expect(primitive([8]).tag()).toBe(8);
  });
});

describe('fields that a reader passes over', () => {
  test.each([
    ['a number of 64 bits', 0, [...new Array<number>(9).fill(0xff), 0x01]],
    ['eight bytes', 1, [1, 2, 3, 4, 5, 6, 7, 8]],
    ['a text', 2, [3, 1, 2, 3]],
    ['four bytes', 5, [1, 2, 3, 4]],
  ])('%s: it stands behind them', (_, type, bytes) => {
    const wire = primitive([...bytes, 42]);
    wire.skip((20 << 3) | type);
    expect(wire.varint()).toBe(42);
  });
});

test('a record that was read before leaves nothing in the next one', () => {
  const full = { ...createFlowRecord(), family: 6 as const, isAnnotated: true, annotations: fullAnnotations() };
  for (const word of ['source0', 'source1', 'source2', 'source3'] as const) full[word] = 0x2001_0db8;
  for (const word of ['destination0', 'destination1', 'destination2', 'destination3'] as const)
    full[word] = 0xfe80_0000;
  Object.assign(full, { sourcePort: 1, destinationPort: 2, protocol: 3, tcpFlags: 4, packets: 5, bytes: 6 });
  Object.assign(full, { furtherPackets: 11, furtherBytes: 12 });
  Object.assign(full, { firstMicroseconds: 7, lastMicroseconds: 8, icmpType: 9, icmpCode: 10 });
  const empty = { ...createFlowRecord(), source0: 0x0a00_0001, destination0: 0x0a00_0002 };
  const matched = { ...empty, isAnnotated: true, annotations: { ...createAnnotations(), translatedSource0: 1 } };
  const reader = new FlowBatchReader(encoded([full, empty, full, matched]));
  const record = createFlowRecord();
  for (const written of [full, empty, full, matched]) {
    reader.next(record);
    expect(record).toEqual(written);
  }
  expect(reader.next(record)).toBe(false);
});

test('an annotation that is too long is cut at a whole character', () => {
  const regionOf = (sourceRegion: string) => {
    const annotations = { ...createAnnotations(), sourceRegion };
    const bytes = encoded([{ ...createFlowRecord(), isAnnotated: true, annotations }]);
    const record = createFlowRecord();
    new FlowBatchReader(bytes).next(record);
    return record.annotations.sourceRegion;
  };
  const longest = 'x'.repeat(ANNOTATION_TEXT_BYTES_MAX);
  expect(regionOf(longest)).toBe(longest);
  expect(regionOf(`${longest}y`)).toBe(longest);
  expect(regionOf(`${longest.slice(1)}€`)).toBe(longest.slice(1));
});

test('a batch without its ledger has the same header, totals and records', () => {
  const records = [1, 2].map((packets) => ({ ...createFlowRecord(), packets }));
  const [whole, rest] = [encoded(records), withoutLedger(encoded(records))].map((bytes) => new FlowBatchReader(bytes));
  expect(whole!.ledger).toBeDefined();
  expect(rest!.ledger).toBeUndefined();
  expect([rest!.header, rest!.totals, rest!.records]).toEqual([whole!.header, whole!.totals, 2]);
  const record = createFlowRecord();
  for (const { packets } of records) {
    rest!.next(record);
    expect(record.packets).toBe(packets);
  }
});
