import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RESOURCE_TYPES, type ResourceType } from '../../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { ledgerWithoutOthers, withoutOthers } from '../../../agent/privacy/left-out.ts';
import { FIELD_NAMES } from '../../../agent/record/catalogue.ts';
import { columnsOf } from '../../../agent/record/field-columns.ts';
import { TextPrinter } from '../../../agent/record/text.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';

const columns = (fields: readonly string[], type: ResourceType = 'NETWORKINTERFACE') => columnsOf(type, fields)!;

function leftOver(record: FlowRecord, fields: readonly string[]): FlowRecord {
  const read = createFlowRecord();
  withoutOthers(cursorOver([record]), columns(fields)).next(read);
  return read;
}

describe('what a list of fields does not name', () => {
  const record = {
    ...createFlowRecord(),
    ...{ source0: 1, destination0: 2, sourcePort: 3, destinationPort: 4, protocol: 6, tcpFlags: 2 },
    ...{ packets: 7, bytes: 8, lastMicroseconds: 9 },
  };

  test('is erased', () => {
    expect(leftOver(record, ['start', 'packets'])).toMatchObject({
      ...{ source0: 0, destination0: 0, sourcePort: 0, destinationPort: 0, protocol: 0, tcpFlags: 0 },
      ...{ packets: 7, bytes: 8, lastMicroseconds: 9 },
    });
    expect(leftOver(record, ['dstaddr', 'dstport'])).toMatchObject({
      ...{ source0: 0, destination0: 2, sourcePort: 0, destinationPort: 4, protocol: 6, tcpFlags: 0 },
    });
  });

  /** Every number of it says who talked to whom, on either side of a translation. */
  const WHOM: readonly (readonly [shownBy: readonly string[], numbers: readonly string[]])[] = [
    [['srcaddr', 'pkt-srcaddr'], [0, 1, 2, 3].map((word) => `source${word}`)],
    [['dstaddr', 'pkt-dstaddr'], [0, 1, 2, 3].map((word) => `destination${word}`)],
    [['srcport', 'pkt-srcport'], ['sourcePort']],
    [['dstport', 'pkt-dstport'], ['destinationPort']],
    [['protocol', 'srcport', 'dstport', 'pkt-srcport', 'pkt-dstport'], ['protocol']],
    [['tcp-flags'], ['tcpFlags']],
    [['pkt-srcaddr'], [0, 1, 2, 3].map((word) => `translatedSource${word}`)],
    [['pkt-dstaddr'], [0, 1, 2, 3].map((word) => `translatedDestination${word}`)],
    [['pkt-srcport'], ['translatedSourcePort']],
    [['pkt-dstport'], ['translatedDestinationPort']],
  ];
  const translated = (isAnnotated: boolean) => {
    const full = { ...createFlowRecord(), family: 6 as const, isAnnotated };
    for (const name of WHOM.flatMap(([, numbers]) => numbers)) {
      Object.assign(name.startsWith('translated') ? full.annotations : full, { [name]: 5 });
    }
    return full;
  };

  test.each([[['packets']], ...FIELD_NAMES.map((name) => [[name]])])(
    'is erased to the last word, on both sides of a translation, where the list is %j',
    (fields) => {
      const { annotations, ...numbers } = leftOver(translated(true), fields);
      const left = Object.entries({ ...numbers, ...annotations }).filter(([, value]) => value === 5);
      const { name } = columns(fields)[0]!.field;
      const shown = WHOM.flatMap(([shownBy, names]) => (shownBy.includes(name) ? names : []));
      expect(left.map(([member]) => member).toSorted()).toEqual(shown.toSorted());
    },
  );

  test('is not looked for in annotations that the record has not', () => {
    expect(leftOver(translated(false), ['packets']).annotations.translatedSource0).toBe(5);
  });

  test('changes nothing of what it does name', () => {
    const names = fc.uniqueArray(fc.constantFrom(...FIELD_NAMES), { minLength: 1, maxLength: 6 });
    const row = (some: FlowRecord, fields: readonly string[], type: ResourceType, erased: boolean) => {
      const shown = columns(fields, type);
      const printer = new TextPrinter(shown);
      const read = createFlowRecord();
      (erased ? withoutOthers(cursorOver([some]), shown) : cursorOver([some])).next(read);
      printer.begin({ windowStart: 60, windowSeconds: 60 });
      const buffer = Buffer.alloc(printer.bytesMax);
      return buffer.toString('utf8', 0, printer.print(read, buffer, 0));
    };
    fc.assert(
      fc.property(flowRecord, names, fc.constantFrom(...RESOURCE_TYPES), (some, fields, type) => {
        expect(row(some, fields, type, true)).toBe(row(some, fields, type, false));
      }),
      { numRuns: 500 },
    );
  });

  test('is not in the ledger either: the largest peers of exclusion rules have both addresses', () => {
    const peers = { dhcp: { peers: [], unlistedBytesMax: 1 } };
    const ledger = { ...createLedger([]), excludedPeers: peers };
    expect(ledgerWithoutOthers(ledger, columns(['srcaddr', 'dstaddr'])).excludedPeers).toBe(peers);
    expect(ledgerWithoutOthers(ledger, columns(['srcaddr'])).excludedPeers).toEqual({});
  });
});
