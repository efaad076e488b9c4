/** Rows of any list of fields, and the situations of the documents to the letter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Annotations, createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { FIELD_NAMES, RECORD_FIELDS } from '../../../agent/record/catalogue.ts';
import { columnsOf } from '../../../agent/record/field-columns.ts';
import { NdjsonPrinter } from '../../../agent/record/ndjson.ts';
import type { RecordPrinter } from '../../../agent/record/printer.ts';
import type { RowContext } from '../../../agent/record/row-context.ts';
import { expandWords, fieldWord } from '../../../agent/record/row-formats.ts';
import { TextPrinter } from '../../../agent/record/text.ts';
import { visible } from '../../../agent/terminal/visible-text.ts';
import { expectedValues, listedHeader } from '../../support/expected-fields.ts';
import { flowRecord } from '../../support/flow-records.ts';

/** What a printer writes, when it keeps to the room that it asked for. */
function printed(printer: RecordPrinter, context: RowContext, records: readonly FlowRecord[], ledger?: Ledger): string {
  const buffer = new Uint8Array(printer.bytesMax).fill(0x7e);
  let text = '';
  printer.begin(context);
  const take = (end: number) => {
    expect(end).toBeLessThanOrEqual(printer.bytesMax);
    text += Buffer.from(buffer.subarray(0, end)).toString();
  };
  for (const record of records) take(printer.print(record, buffer, 0));
  if (ledger !== undefined) take(printer.finish(ledger, buffer, 0));
  return text;
}

test('a text row has the value of each field in the order of the list, or a dash', () => {
  fc.assert(
    fc.property(listedHeader, fc.array(flowRecord, { maxLength: 5 }), (header, records) => {
      const columns = columnsOf(header.resourceType, header.fields)!;
      const rows = printed(new TextPrinter(columns), header, records).split('\n').slice(0, -1);
      const expected = records.map((record) => {
        const values = new Map(expectedValues(record, header));
        return header.fields.map((name) => visible((values.get(name) ?? '').replaceAll(/\s/g, '_')) || '-').join(' ');
      });
      expect(rows.map((row) => row.replaceAll(/[^\S ]/g, '_'))).toEqual(expected);
    }),
  );
});

test('an NDJSON object has the fields that have a value, in the order of the list', () => {
  const integers = new Set(RECORD_FIELDS.filter(({ type }) => type === 'integer').map(({ name }) => name));
  fc.assert(
    fc.property(listedHeader, fc.array(flowRecord, { maxLength: 5 }), (header, records) => {
      const columns = columnsOf(header.resourceType, header.fields)!;
      const lines = printed(new NdjsonPrinter(columns), header, records).split('\n').slice(0, -1);
      const expected = records.map((record) =>
        expectedValues(record, header).map(([name, value]) => [name, integers.has(name) ? Number(value) : value]),
      );
      expect(lines.map((line) => Object.entries(JSON.parse(line)))).toEqual(expected);
    }),
  );
});

test.each(['\u2028', '\u00a0', '\u3000', '\u0085'])(
  'a separator of Unicode in a value does not split its row',
  (space) => {
    const record = annotated({ destinationRegion: `a${space}b` });
    const columns = columnsOf('NETWORKINTERFACE', ['dstregionid'])!;
    expect(printed(new TextPrinter(columns), WINDOW, [record])).toMatch(/^a(?:_|\\u0085)b\n$/);
  },
);

test('a text that a rule brings along breaks neither row nor object', () => {
  const record = annotated({ rejectRule: 'drop "in"\\ 1\n', sourceRegion: 'x'.repeat(500) });
  const columns = columnsOf('NETWORKINTERFACE', ['reject-rule', 'srcregionid'])!;
  expect(printed(new TextPrinter(columns), WINDOW, [record])).toBe(`drop_"in"\\_1_ ${'x'.repeat(128)}\n`);
  expect(JSON.parse(printed(new NdjsonPrinter(columns), WINDOW, [record]))).toEqual({
    'reject-rule': 'drop "in"\\ 1\n',
    srcregionid: 'x'.repeat(128),
  });
});

describe('a word of a list', () => {
  test('is a field, a documented row, or either as AWS writes it', () => {
    for (const name of [...FIELD_NAMES, 'eni', 'nat', 'ccn']) {
      expect(fieldWord(name)).toBe(name);
      expect(fieldWord(`\${${name}}`)).toBe(name);
    }
    expect(fieldWord('srcadr')).toBeUndefined();
    expect(fieldWord('toString')).toBeUndefined();
  });

  test('that is a documented row stands for its fields', () => {
    expect(expandWords(['first', 'eni'])).toHaveLength(15);
    expect(expandWords(['nat'])).toHaveLength(18);
    expect(expandWords(['ccn'])).toHaveLength(16);
  });
});

const WINDOW: RowContext = {
  windowStart: 1_418_530_010,
  windowSeconds: 60,
  accountId: '1251762227',
  interfaceId: 'eni-lq6mkcis',
};

function annotated(annotations: Partial<Annotations>, fields: Partial<FlowRecord> = {}): FlowRecord {
  const own = { ...createAnnotations(), ...annotations };
  return { ...createFlowRecord(), ...fields, isAnnotated: true, annotations: own };
}

const SSH: FlowRecord = {
  ...createFlowRecord(),
  source0: 0xac1f108b,
  destination0: 0xac1f1015,
  sourcePort: 20641,
  destinationPort: 22,
  protocol: 6,
  packets: 20,
  bytes: 4249,
};

describe('the documents’ situations of an interface', () => {
  const row = (records: readonly FlowRecord[], ledger?: Ledger, context = WINDOW) =>
    printed(new TextPrinter(), context, records, ledger);

  test('a flow that was accepted', () => {
    expect(row([SSH])).toBe(
      '2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n',
    );
  });

  test('a flow that was rejected', () => {
    const rdp = { ...SSH, sourcePort: 49761, destinationPort: 3389, packets: 1, bytes: 40 };
    expect(row([annotated({ action: 'REJECT' }, rdp)])).toBe(
      '2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 49761 3389 6 1 40 1418530010 1418530070 REJECT OK\n',
    );
  });

  test('a window without traffic', () => {
    const window = { ...WINDOW, windowStart: 1_431_280_876, windowSeconds: 58 };
    expect(row([], createLedger([]), window)).toBe(
      '2 1251762227 eni-lq6mkcis - - - - - - - 1431280876 1431280934 - NODATA\n',
    );
  });

  test('a window in which records were skipped', () => {
    const ledger = { ...createLedger([]), metered: { packets: 20, bytes: 4249 }, droppedByKernel: 1 };
    expect(row([SSH], ledger).split('\n')[1]).toBe(
      '2 1251762227 eni-lq6mkcis - - - - - - - 1418530010 1418530070 - SKIPDATA',
    );
  });

  test('a ping that a stateful filter lets in and out is two accepted flows', () => {
    const request = { ...SSH, sourcePort: 0, destinationPort: 0, protocol: 1, packets: 4, bytes: 336 };
    const reply = { ...request, source0: request.destination0, destination0: request.source0 };
    expect(row([request, reply])).toBe(
      '2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 0 0 1 4 336 1418530010 1418530070 ACCEPT OK\n' +
        '2 1251762227 eni-lq6mkcis 172.31.16.21 172.31.16.139 0 0 1 4 336 1418530010 1418530070 ACCEPT OK\n',
    );
  });

  test('a ping that a stateless filter lets in and not out is one accepted flow and one rejected', () => {
    const request = { ...SSH, sourcePort: 0, destinationPort: 0, protocol: 1, packets: 4, bytes: 336 };
    const reply = annotated({ action: 'REJECT' }, { ...request, source0: SSH.destination0, destination0: SSH.source0 });
    expect(row([request, reply])).toBe(
      '2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 0 0 1 4 336 1418530010 1418530070 ACCEPT OK\n' +
        '2 1251762227 eni-lq6mkcis 172.31.16.21 172.31.16.139 0 0 1 4 336 1418530010 1418530070 REJECT OK\n',
    );
  });
});

test('a NAT row has both sides of the translation, or says that it does not know the other', () => {
  const columns = columnsOf('NAT', [])!;
  const out = annotated({
    translation: 'matched',
    translatedSource0: 0xcb007105,
    translatedSourcePort: 61002,
    translatedDestination0: SSH.destination0,
    translatedDestinationPort: 22,
  });
  const base =
    '2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK';
  const rows = printed(new TextPrinter(columns), WINDOW, [
    { ...SSH, isAnnotated: true, annotations: out.annotations },
    annotated({ translation: 'same' }, SSH),
    annotated({ translation: 'unmatched' }, SSH),
    SSH,
  ]);
  expect(rows.split('\n').slice(0, -1)).toEqual([
    `${base} 203.0.113.5 172.31.16.21 61002 22`,
    `${base} 172.31.16.139 172.31.16.21 20641 22`,
    `${base} - - - -`,
    `${base} - - - -`,
  ]);
});

describe('the documents’ situations of CCN', () => {
  const context = { ...WINDOW, constants: { 'ccn-id': 'ccn-0a1b2c3d', 'region-id': 'ap-guangzhou' } };
  const row = (records: readonly FlowRecord[], ledger?: Ledger) =>
    printed(new TextPrinter(columnsOf('CCN', [])!), context, records, ledger);
  const regions = { sourceRegion: 'ap-guangzhou', destinationRegion: 'ap-shanghai' };
  const times = { firstMicroseconds: 1_999_999, lastMicroseconds: 59_000_000 };

  test('a flow: 16 fields in the documents’ order, from the first packet to the last', () => {
    expect(row([annotated(regions, { ...SSH, ...times })])).toBe(
      '172.31.16.139 ap-shanghai 22 1418530011 172.31.16.21 2 20 ccn-0a1b2c3d 6 ap-guangzhou 4249 ACCEPT ap-guangzhou 20641 ' +
        '1418530069 OK\n',
    );
  });

  test('a flow of a protocol without ports', () => {
    const ping = { ...SSH, ...times, sourcePort: 0, destinationPort: 0, protocol: 1 };
    expect(row([annotated(regions, ping)])).toBe(
      '172.31.16.139 ap-shanghai - 1418530011 172.31.16.21 2 20 ccn-0a1b2c3d 1 ap-guangzhou 4249 ACCEPT ap-guangzhou - ' +
        '1418530069 OK\n',
    );
  });

  test('a window without traffic', () => {
    expect(row([], createLedger([]))).toBe(
      '- - - 1418530010 - 2 - ccn-0a1b2c3d - - - - ap-guangzhou - 1418530070 NODATA\n',
    );
  });
});

test('a list without log-status has no row for a window, because nothing in it would tell', () => {
  const columns = columnsOf('NETWORKINTERFACE', ['srcaddr', 'start'])!;
  expect(printed(new TextPrinter(columns), WINDOW, [], createLedger([]))).toBe('');
  expect(printed(new NdjsonPrinter(columns), WINDOW, [], createLedger([]))).toBe('');
});

test('a list with log-status has it as an NDJSON object, too', () => {
  const columns = columnsOf('NETWORKINTERFACE', ['log-status', 'srcaddr', 'start'])!;
  expect(printed(new NdjsonPrinter(columns), WINDOW, [], createLedger([]))).toBe(
    '{"log-status":"NODATA","start":1418530010}\n',
  );
});
