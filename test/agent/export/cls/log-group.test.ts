import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOG_GROUP_LIMITS, LogGroupEncoder, type LogGroupOptions } from '../../../../agent/export/cls/log-group.ts';
import { delimited, groupEnd, logField } from '../../../../agent/export/cls/message.ts';
import { createAnnotations } from '../../../../agent/model/annotations.ts';
import type { BatchHeader } from '../../../../agent/model/batch-id.ts';
import { RESOURCE_TYPES, ROW_DEFAULTS } from '../../../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../../../agent/model/flow-record.ts';
import { createLedger, type Ledger, logStatus, offeredPackets } from '../../../../agent/model/ledger.ts';
import { RECORD_FIELDS } from '../../../../agent/record/catalogue.ts';
import { contextFlow } from '../../../../agent/wire/context-flow.ts';
import { encodeBatches } from '../../../../agent/wire/flow-batch.ts';
import { indexType } from '../../../../schema/field.ts';
import { BATCH_HEADER } from '../../../support/batch-header.ts';
import { type DecodedGroup, decodeLogGroups, reencode } from '../../../support/cls-schema.ts';
import { expectedValues, listedHeader } from '../../../support/expected-fields.ts';
import * as arbitrary from '../../../support/flow-records.ts';

const PLAIN: LogGroupOptions = { ledgerLog: false };

function batchOf(records: readonly FlowRecord[], ledger?: Ledger, header: Partial<BatchHeader> = {}): Uint8Array {
  const { part, split: _, ...rest } = { ...BATCH_HEADER, ...header };
  let bytes = new Uint8Array(0);
  encodeBatches(
    { header: rest, cursor: arbitrary.cursorOver(records), ledger, recordsMax: 100_000, firstPart: part },
    (encoded) => {
      bytes = encoded.slice();
    },
  );
  return bytes;
}

function record(fields: Partial<FlowRecord> = {}): FlowRecord {
  return { ...createFlowRecord(), ...fields };
}

function encoded(batch: Uint8Array, options = PLAIN): DecodedGroup {
  const result = new LogGroupEncoder(options).encode(batch);
  if (result.kind !== 'encoded') throw new Error(`not encoded: ${result.kind}`);
  const groups = decodeLogGroups(result.bytes);
  expect(groups).toHaveLength(1);
  const [group] = groups as [DecodedGroup];
  expect(group.logs).toHaveLength(result.logs);
  return group;
}

/** An address's text as its words, by the rules of RFC 4291 and nothing of the agent's. */
function wordsOf(text: string): number[] {
  if (!text.includes(':')) return [quad(text)];
  const [left = '', right] = text.split('::');
  const groups = (side: string): number[] =>
    side === ''
      ? []
      : side
          .split(':')
          .flatMap((group) =>
            group.includes('.') ? [quad(group) >>> 16, quad(group) & 0xffff] : [Number.parseInt(group, 16)],
          );
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return [0, 2, 4, 6].map((at) => (all[at] as number) * 65_536 + (all[at + 1] as number));
}

function quad(text: string): number {
  return text.split('.').reduce((word, octet) => word * 256 + Number(octet), 0);
}

const KEYS = [
  ...['version', 'account-id', 'interface-id', 'srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol'],
  ...['packets', 'bytes', 'start', 'end', 'action', 'log-status'],
];

describe('the body of an upload', () => {
  it('equals the published 92 bytes', () => {
    const log = logField(1_700_000_000_000, [
      ['srcaddr', '10.0.0.1'],
      ['dstport', '443'],
    ]);
    const end = groupEnd({
      contextFlow: '',
      filename: 'flowlogd',
      source: '10.0.0.1',
      tags: [['region', 'ap-guangzhou']],
    });
    expect(Buffer.from(delimited(0x0a, log, end)).toString('hex')).toBe(
      '0a5a0a2c0880d095ffbc3112130a0773726361646472120831302e302e302e31120e0a07647374706f727412033434331a08666c6f776c' +
        '6f6764220831302e302e302e312a160a06726567696f6e120c61702d6775616e677a686f75',
    );
  });

  it('holds every record with the 14 documented fields, in their order, as an independent decoder reads it', () => {
    fc.assert(
      fc.property(
        fc.array(arbitrary.flowRecord, { minLength: 1, maxLength: 20 }),
        arbitrary.batchHeader.map((header) => ({ ...header, ...ROW_DEFAULTS })),
        (records, header) => {
          const group = encoded(batchOf(records, undefined, header));
          const end = header.windowStart + header.windowSeconds;
          expect(group.logs).toHaveLength(records.length);
          for (const [index, log] of group.logs.entries()) {
            const from = records[index] as FlowRecord;
            const values = Object.fromEntries(log.contents);
            const { srcaddr = '', dstaddr = '' } = values;
            expect(log.contents.map(([key]) => key)).toEqual(KEYS);
            expect(log.time).toBe(end * 1000);
            const words = from.family === 4 ? 1 : 4;
            const source = [from.source0, from.source1, from.source2, from.source3];
            const destination = [from.destination0, from.destination1, from.destination2, from.destination3];
            expect(wordsOf(srcaddr)).toEqual(source.slice(0, words));
            expect(wordsOf(dstaddr)).toEqual(destination.slice(0, words));
            expect(values).toMatchObject({
              version: '2',
              'account-id': header.accountId,
              'interface-id': header.interfaceId,
              srcport: String(from.sourcePort),
              dstport: String(from.destinationPort),
              protocol: String(from.protocol),
              packets: String(from.packets),
              bytes: String(from.bytes),
              start: String(header.windowStart),
              end: String(end),
              action: from.isAnnotated ? from.annotations.action : 'ACCEPT',
              'log-status': 'OK',
            });
          }
        },
      ),
    );
  });

  it('holds the fields that the batch names, in their order, and leaves out those without a value', () => {
    fc.assert(
      fc.property(listedHeader, fc.array(arbitrary.flowRecord, { minLength: 1, maxLength: 10 }), (header, records) => {
        const { logs } = encoded(batchOf(records, undefined, header));
        expect(logs.map(({ contents }) => contents)).toEqual(records.map((each) => expectedValues(each, header)));
      }),
    );
  });

  it('takes texts of any length that a batch can hold', () => {
    const lengths = [0, 1, 100, 110, 111, 112, 113, 114, 115, 126, 127, 128];
    for (const resourceType of ['NETWORKINTERFACE', 'CCN'] as const) {
      const fields = ['dstregionid', 'srcaddr', 'srcregionid'];
      const records = lengths.map((length) => {
        const annotations = { ...createAnnotations(), sourceRegion: 'x'.repeat(length), destinationRegion: 'y' };
        return record({ isAnnotated: true, annotations });
      });
      const { logs } = encoded(batchOf(records, undefined, { resourceType, fields }));
      const values = logs.map(({ contents }) => Object.fromEntries(contents)['srcregionid']?.length ?? 0);
      expect(values).toEqual(lengths);
    }
  });

  it('refuses a batch with a field that it does not know, rather than print another', () => {
    const batch = batchOf([record()], undefined, { fields: ['srcaddr', 'weather'] });
    expect(() => new LogGroupEncoder(PLAIN).encode(batch)).toThrow(/a newer flowlogd wrote it \(field weather\)/);
  });

  it('is exactly the bytes that the schema itself would write', () => {
    fc.assert(
      fc.property(
        fc.array(arbitrary.flowRecord, { maxLength: 5 }),
        fc.option(arbitrary.ledger, { nil: undefined }),
        fc.nat(200),
        (records, ledger, length) => {
          const options = { ledgerLog: true, tags: { cluster: 'c-1' } };
          const batch = batchOf(records, ledger, { interfaceId: 'i'.repeat(length) });
          const result = new LogGroupEncoder(options).encode(batch);
          if (result.kind !== 'encoded') expect(records.length === 0 && ledger === undefined).toBe(true);
          else expect(Buffer.from(reencode(result.bytes))).toEqual(Buffer.from(result.bytes));
        },
      ),
    );
  });

  it('writes lengths of every width: identifiers around the powers of 128', () => {
    const narrow = record({ source0: 1, destination0: 2 });
    const wide = record({
      family: 6,
      source0: 0xfedcba98,
      source1: 0xfedcba98,
      source2: 0xfedcba98,
      source3: 0xfedcba98,
      packets: Number.MAX_SAFE_INTEGER,
    });
    for (const length of [0, 1, 100, 127, 128, 16_000, 16_060, 16_100, 16_150, 16_383, 16_384, 17_000]) {
      const batch = batchOf([narrow, wide, narrow], undefined, { interfaceId: 'i'.repeat(length) });
      const result = new LogGroupEncoder(PLAIN).encode(batch);
      if (result.kind !== 'encoded') throw new Error('not encoded');
      expect(Buffer.from(reencode(result.bytes)).equals(result.bytes)).toBe(true);
    }
  });

  it('names file, source and context, and tags only where asked', () => {
    const group = encoded(batchOf([record()]));
    expect(group).toMatchObject({
      filename: 'flowlogd',
      source: 'host-1',
      tags: [],
      contextFlow: contextFlow(BATCH_HEADER),
    });
    const tagged = encoded(batchOf([record()]), { source: '10.0.0.1', tags: { pod: 'p-1' }, ledgerLog: false });
    expect(tagged).toMatchObject({ source: '10.0.0.1', tags: [['pod', 'p-1']] });
  });

  it('reuses its buffer from batch to batch without a trace of the one before', () => {
    const encoder = new LogGroupEncoder(PLAIN);
    const many = batchOf(Array.from({ length: 3000 }, (_, port) => record({ sourcePort: port, packets: 12_345_678 })));
    const one = batchOf([record({ packets: 1 })]);
    const fresh = new LogGroupEncoder(PLAIN).encode(one);
    encoder.encode(many);
    const again = encoder.encode(one);
    if (fresh.kind !== 'encoded' || again.kind !== 'encoded') throw new Error('not encoded');
    expect(Buffer.from(again.bytes)).toEqual(Buffer.from(fresh.bytes));
  });
});

describe('rows that stand for the window', () => {
  const rowsOf = (ledger: Ledger, records: FlowRecord[] = [], options = PLAIN) =>
    encoded(batchOf(records, ledger), options).logs.map((log) => Object.fromEntries(log.contents));

  it('a window without packets is one NODATA row, without the fields that have no value', () => {
    expect(rowsOf(createLedger([]))).toEqual([
      {
        version: '2',
        'account-id': '1251762227',
        'interface-id': 'eni-1',
        start: '1700000040',
        end: '1700000100',
        'log-status': 'NODATA',
      },
    ]);
  });

  it('a window with loss has a SKIPDATA row beside its records', () => {
    const ledger = createLedger([]);
    ledger.metered.packets = 5;
    ledger.droppedByKernel = 3;
    const rows = rowsOf(ledger, [record({ packets: 5 })]);
    expect(rows.map((row) => row['log-status'])).toEqual(['OK', 'SKIPDATA']);
    expect(rows[1]).not.toHaveProperty('action');
  });

  it('names what the host cannot know, and the bounds of the window where there is no packet', () => {
    const header = { resourceType: 'CCN', constants: { 'ccn-id': 'ccn-1' } } as const;
    const [log] = encoded(batchOf([], createLedger([]), header)).logs;
    expect(log?.contents).toEqual([
      ['start', '1700000040'],
      ['version', '2'],
      ['ccn-id', 'ccn-1'],
      ['end', '1700000100'],
      ['log-status', 'NODATA'],
    ]);
  });

  it('is not there where the fields have no log-status to tell it from a flow', () => {
    expect(new LogGroupEncoder(PLAIN).encode(batchOf([], createLedger([]), { fields: ['srcaddr'] }))).toEqual({
      kind: 'empty',
    });
  });

  it('never has a text where an index has a number', () => {
    const fields = RECORD_FIELDS.map(({ name }) => name);
    const long = new Set(RECORD_FIELDS.filter((field) => indexType(field) === 'long').map(({ name }) => name));
    fc.assert(
      fc.property(fc.array(arbitrary.flowRecord, { maxLength: 3 }), arbitrary.ledger, (records, ledger) => {
        for (const resourceType of RESOURCE_TYPES) {
          const group = encoded(batchOf(records, ledger, { resourceType, fields }), { ledgerLog: true });
          const numbers = group.logs.flatMap(({ contents }) => contents).filter(([key]) => long.has(key));
          for (const [key, value] of numbers) expect(value, key).toMatch(/^\d+$/);
        }
      }),
    );
  });

  it('a window with a gap says SKIPDATA and not NODATA', () => {
    const ledger = createLedger([]);
    ledger.gaps.push({ fromSeconds: 1_700_000_050, toSeconds: 1_700_000_060.5, reason: 'interface-gone' });
    expect(rowsOf(ledger).map((row) => row['log-status'])).toEqual(['SKIPDATA']);
  });

  it('a part that is not the last says nothing about the window', () => {
    expect(encoded(batchOf([record()]), { ledgerLog: true }).logs).toHaveLength(1);
  });

  it('a last part with nothing to say is no request', () => {
    const ledger = createLedger([]);
    ledger.metered.packets = 5;
    expect(new LogGroupEncoder(PLAIN).encode(batchOf([], ledger))).toEqual({ kind: 'empty' });
  });

  it('the ledger travels as a log of its own, with keys that no flow has', () => {
    fc.assert(
      fc.property(arbitrary.ledger, (ledger) => {
        const row = rowsOf(ledger, [], { ledgerLog: true }).at(-1) as Record<string, string>;
        expect(row['log-status']).toBeUndefined();
        expect(row['ledger-status']).toBe(logStatus(ledger));
        expect(row['ledger-offered-packets']).toBe(String(offeredPackets(ledger)));
        expect(row['ledger-metered-bytes']).toBe(String(ledger.metered.bytes));
        expect(row['ledger-dropped-by-kernel-packets']).toBe(String(ledger.droppedByKernel));
        expect(row['ledger-drops-unknown']).toBe(String(ledger.dropsUnknown));
        expect(Object.keys(row).every((key) => /^[A-Za-z][A-Za-z0-9_\-./@]*$/.test(key))).toBe(true);
      }),
    );
  });

  it('has a log for each of the largest peers of an exclusion rule before it', () => {
    const ledger = createLedger(['kms']);
    const peer = { source: '10.0.0.5', destination: '203.0.113.9', protocol: 6, port: 1688 };
    const counts = { packets: 3, bytes: 4000, missedBytesMax: 70 };
    ledger.excludedPeers = { kms: { peers: [{ ...peer, ...counts }], unlistedBytesMax: 0 } };
    expect(rowsOf(ledger)).toHaveLength(1);
    const [, row, last] = rowsOf(ledger, [], { ledgerLog: true });
    expect(row).toMatchObject({
      'excluded-rule': 'kms',
      'excluded-srcaddr': '10.0.0.5',
      'excluded-dstaddr': '203.0.113.9',
      'excluded-protocol': '6',
      'excluded-port': '1688',
      'excluded-packets': '3',
      'excluded-bytes': '4000',
      'excluded-missed-bytes-max': '70',
    });
    expect(Object.keys(row!)).not.toContain('srcaddr');
    expect(last).toHaveProperty('ledger-status');
  });

  it('names each exclusion rule and each reason of a gap', () => {
    const ledger = createLedger(['dhcp', 'my rule']);
    ledger.excluded['my rule'] = { packets: 2, bytes: 700 };
    ledger.gaps.push({ fromSeconds: 1, toSeconds: 2.25, reason: 'interface-gone' });
    ledger.gaps.push({ fromSeconds: 3, toSeconds: 4, reason: 'interface-gone' });
    expect(rowsOf(ledger, [], { ledgerLog: true }).at(-1)).toMatchObject({
      'ledger-excluded-dhcp-packets': '0',
      'ledger-excluded-my_rule-packets': '2',
      'ledger-excluded-my_rule-bytes': '700',
      'ledger-gap-seconds': '2.25',
      'ledger-gap-reasons': 'interface-gone',
    });
  });
});

describe("the service's limits", () => {
  const refusal = (batch: Uint8Array, limits = {}): string => {
    const result = new LogGroupEncoder(PLAIN, { ...LOG_GROUP_LIMITS, ...limits }).encode(batch);
    return result.kind === 'too-large' ? result.reason : result.kind;
  };
  const records = (count: number): FlowRecord[] =>
    Array.from({ length: count }, (_, port) => record({ packets: port }));

  it('takes 10,000 logs and no more, the rows of the window counted', () => {
    expect(refusal(batchOf(records(10_000)))).toBe('encoded');
    expect(refusal(batchOf(records(10_001)))).toContain('10001 logs');
    const lossy = createLedger([]);
    lossy.droppedByKernel = 1;
    expect(refusal(batchOf(records(10_000), lossy))).toContain('10001 logs');
  });

  it('counts values in UTF-8 bytes, not in characters', () => {
    const account = 'ü'.repeat(600_000);
    expect(refusal(batchOf(records(1), undefined, { accountId: account }))).toContain('1200000 bytes');
    expect(refusal(batchOf(records(1), undefined, { accountId: 'ü'.repeat(500_000) }))).toBe('encoded');
  });

  it('takes exactly the sum of values that it states', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.flowRecord, { minLength: 1, maxLength: 10 }), (flows) => {
        const batch = batchOf(flows);
        const sum = encoded(batch)
          .logs.flatMap((log) => log.contents)
          .reduce((total, [, value]) => total + Buffer.byteLength(value), 0);
        expect(refusal(batch, { valuesBytes: sum })).toBe('encoded');
        expect(refusal(batch, { valuesBytes: sum - 1 })).toContain('values of more than');
      }),
    );
  });

  it('takes exactly the body that it states', () => {
    const batch = batchOf(records(100));
    const result = new LogGroupEncoder(PLAIN).encode(batch);
    if (result.kind !== 'encoded') throw new Error('not encoded');
    const bodyBytes = result.bytes.length;
    expect(refusal(batch, { bodyBytes })).toBe('encoded');
    expect(refusal(batch, { bodyBytes: bodyBytes - 1 })).toContain('a body of more than');
  });

  it('stops at the first record beyond, however many follow', () => {
    const account = 'a'.repeat(900_000);
    expect(refusal(batchOf(records(9000), undefined, { accountId: account }))).toContain('5000000 bytes');
  });
});

describe('contextFlow', () => {
  it('has the published form: 64 bits and the part, in upper-case hex', () => {
    expect(contextFlow({ ...BATCH_HEADER, part: 0x1ab })).toMatch(/^[0-9A-F]{16}-1AB$/);
  });

  it('never changes for one identity', () => {
    expect(contextFlow(BATCH_HEADER)).toBe('3FD56B80F8F94C93-0');
  });

  it('differs wherever the identity differs', () => {
    const others: Partial<BatchHeader>[] = [
      { hostId: 'host-2' },
      { runId: 'run-2' },
      { flowLogId: 'fl-2' },
      { interfaceId: 'eni-2' },
      { windowStart: 1_700_000_100 },
      { part: 1 },
      { split: '0' },
      { split: '1' },
      { hostId: 'host-1","run-1', runId: '' },
    ];
    const all = [BATCH_HEADER, ...others.map((other) => ({ ...BATCH_HEADER, ...other }))].map(contextFlow);
    expect(new Set(all).size).toBe(all.length);
  });

  it('does not depend on what is no identity', () => {
    expect(contextFlow({ ...BATCH_HEADER, accountId: 'x', windowSeconds: 1 } as BatchHeader)).toBe(
      contextFlow(BATCH_HEADER),
    );
  });
});
