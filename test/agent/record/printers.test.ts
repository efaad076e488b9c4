import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { columnsOf, ENI_COLUMNS, NDJSON_COLUMNS } from '../../../agent/record/field-columns.ts';
import { NdjsonPrinter } from '../../../agent/record/ndjson.ts';
import { CONTEXT_TEXT_BYTES_MAX, type RecordPrinter } from '../../../agent/record/printer.ts';
import type { RowContext } from '../../../agent/record/row-context.ts';
import { TextPrinter } from '../../../agent/record/text.ts';
import { flowRecord } from '../../support/flow-records.ts';

const CONTEXT: RowContext = { windowStart: 1_700_000_040, windowSeconds: 60 };
const RECORD: FlowRecord = {
  ...createFlowRecord(),
  source0: 0xac101001,
  destination0: 0x08080808,
  sourcePort: 51234,
  destinationPort: 443,
  protocol: 6,
  tcpFlags: 0x1b,
  packets: 20,
  bytes: 4249,
  firstMicroseconds: 1_999_999,
  lastMicroseconds: 59_000_000,
};

/** What a printer writes, when it keeps to the room that it asked for. */
function printed(printer: RecordPrinter, context: RowContext, records: readonly FlowRecord[], ledger?: Ledger): string {
  const buffer = new Uint8Array(printer.bytesMax + 8).fill(0x7e);
  let text = '';
  const take = (end: number) => {
    expect(end).toBeLessThanOrEqual(printer.bytesMax + 4);
    expect(buffer.subarray(0, 4).every((byte) => byte === 0x7e)).toBe(true);
    text += Buffer.from(buffer.subarray(4, end)).toString();
  };
  printer.begin(context);
  for (const record of records) take(printer.print(record, buffer, 4));
  if (ledger !== undefined) take(printer.finish(ledger, buffer, 4));
  return text;
}

/** Whether a text is the address that the words say, by Node's own parser. */
function isSameAddress(text: string, record: FlowRecord, side: 'source' | 'destination'): boolean {
  const words = [record[`${side}0`], record[`${side}1`], record[`${side}2`], record[`${side}3`]];
  if (record.family === 4)
    return isIPv4(text) && text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) === words[0];
  const full = words
    .flatMap((word) => [word >>> 16, word & 0xffff])
    .map((group) => group.toString(16))
    .join(':');
  const list = new BlockList();
  list.addAddress(new SocketAddress({ address: full, family: 'ipv6' }));
  return isIPv6(text) && list.check(text, 'ipv6');
}

describe('a header', () => {
  test('names the values of a row, and is in text rows alone', () => {
    const text = new TextPrinter();
    expect(text.header).toBe(`${ENI_COLUMNS.map(({ label }) => label).join(' ')}\n`);
    expect(text.header.split(' ')).toHaveLength(printed(text, CONTEXT, [RECORD]).split(' ').length);
    expect(new NdjsonPrinter().header).toBe('');
  });
});

describe('NDJSON', () => {
  test('a line has exactly the fields of the catalogue, in its order', () => {
    const names = NDJSON_COLUMNS.map(({ label }) => label);
    const lines = printed(new NdjsonPrinter(), { ...CONTEXT, interfaceId: 'eni-1' }, [RECORD]);
    expect(Object.keys(JSON.parse(lines))).toEqual(names);
    expect(Object.keys(JSON.parse(printed(new NdjsonPrinter(), CONTEXT, [RECORD])))).toEqual(
      names.filter((name) => name !== 'interface_id'),
    );
  });

  test('a line to the letter', () => {
    expect(printed(new NdjsonPrinter(), CONTEXT, [RECORD])).toBe(
      '{"window_start":1700000040,"srcaddr":"172.16.16.1","dstaddr":"8.8.8.8","srcport":51234,"dstport":443,' +
        '"protocol":6,"packets":20,"bytes":4249,"start":1700000041,"end":1700000099,"tcp_flags":27}\n',
    );
  });

  test('every record comes back whole through a JSON parser', () => {
    const windowStart = fc.integer({ min: -600, max: 4_000_000_000 });
    fc.assert(
      fc.property(
        fc.array(flowRecord, { maxLength: 5 }),
        windowStart,
        fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
        (records, start, id) => {
          const text = printed(
            new NdjsonPrinter(),
            { windowStart: start, windowSeconds: 60, interfaceId: id },
            records,
          );
          const lines = text
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line));
          expect(lines).toHaveLength(records.length);
          for (const [index, record] of records.entries()) {
            const { srcaddr, dstaddr, ...line } = lines[index];
            expect(isSameAddress(srcaddr, record, 'source') && isSameAddress(dstaddr, record, 'destination')).toBe(
              true,
            );
            expect(line).toEqual({
              window_start: start,
              srcport: record.sourcePort,
              dstport: record.destinationPort,
              protocol: record.protocol,
              packets: record.packets,
              bytes: record.bytes,
              start: start + Math.floor(record.firstMicroseconds / 1e6),
              end: start + Math.floor(record.lastMicroseconds / 1e6),
              tcp_flags: record.tcpFlags,
              ...(id === undefined ? {} : { interface_id: Buffer.from(id).toString() }),
            });
          }
        },
      ),
    );
  });

  test('a name longer than its room is refused before any record is printed', () => {
    const interfaceId = 'x'.repeat(CONTEXT_TEXT_BYTES_MAX);
    expect(() => new NdjsonPrinter().begin({ ...CONTEXT, interfaceId })).toThrow(RangeError);
    expect(() => new TextPrinter().begin({ ...CONTEXT, interfaceId })).toThrow(RangeError);
  });
});

describe('the text row', () => {
  const named = { ...CONTEXT, accountId: '1251762227', interfaceId: 'eni-lq6mkcis' };

  test('a row has as many words as the catalogue has fields', () => {
    fc.assert(
      fc.property(flowRecord, fc.string({ maxLength: 20 }), (record, interfaceId) => {
        const row = printed(new TextPrinter(), { ...CONTEXT, interfaceId }, [record]);
        expect(row.trimEnd().split(/\s/)).toHaveLength(ENI_COLUMNS.length);
      }),
    );
  });

  test('a row to the letter', () => {
    expect(printed(new TextPrinter(), named, [RECORD])).toBe(
      '2 1251762227 eni-lq6mkcis 172.16.16.1 8.8.8.8 51234 443 6 20 4249 1700000040 1700000100 ACCEPT OK\n',
    );
    expect(printed(new TextPrinter(), CONTEXT, [RECORD])).toMatch(/^2 - - 172\.16\.16\.1 /);
  });

  test('a window in which nothing was metered is a NODATA row', () => {
    expect(printed(new TextPrinter(), named, [], createLedger(['dhcp']))).toBe(
      '2 1251762227 eni-lq6mkcis - - - - - - - 1700000040 1700000100 - NODATA\n',
    );
  });

  test('a window that lost packets has a SKIPDATA row after its records', () => {
    const ledger = { ...createLedger([]), metered: { packets: 20, bytes: 4249 }, droppedByKernel: 3 };
    expect(printed(new TextPrinter(), named, [RECORD], ledger).split('\n').slice(1)).toEqual([
      '2 1251762227 eni-lq6mkcis - - - - - - - 1700000040 1700000100 - SKIPDATA',
      '',
    ]);
  });

  test('a window that lost nothing has its records only', () => {
    const ledger = { ...createLedger([]), metered: { packets: 20, bytes: 4249 } };
    expect(printed(new TextPrinter(), named, [], ledger)).toBe('');
  });
});

describe('names that a terminal would obey', () => {
  const rejectRule = 'deny \u202e\u009b\u007f\u001b[2J';
  const annotations = { ...createAnnotations(), action: 'REJECT' as const, rejectRule };
  const record = { ...RECORD, isAnnotated: true, annotations };
  const context = { ...CONTEXT, interfaceId: 'e\u202e\u001b', accountId: '-' };
  const columns = columnsOf('NETWORKINTERFACE', ['interface-id', 'reject-rule']);

  test('are the same values in NDJSON, in characters that act nowhere', () => {
    const text = printed(new NdjsonPrinter(columns), context, [record]);
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(text)).toEqual({ 'interface-id': context.interfaceId, 'reject-rule': rejectRule });
  });

  test('are letters in text rows, within the room for them', () => {
    expect(printed(new TextPrinter(columns), context, [record])).toBe(
      'e\\u202e\\u001b deny_\\u202e\\u009b\\u007f_[2J\n',
    );
    const long = { ...annotations, rejectRule: '\u007f'.repeat(128) };
    const text = printed(new TextPrinter(columns), context, [{ ...record, annotations: long }]);
    expect(text).toBe(`e\\u202e\\u001b ${'\\u007f'.repeat(128)}\n`);
  });
});
