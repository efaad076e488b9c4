import { expect, test } from 'vitest';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { AddressPseudonyms } from '../../../agent/privacy/address-pseudonyms.ts';
import { pseudonymisedLedger, pseudonymisedRecords } from '../../../agent/privacy/pseudonymised.ts';
import { addressText, recordAddress } from '../../../agent/record/endpoint.ts';
import { cursorOver } from '../../support/flow-records.ts';

const pseudonyms = new AddressPseudonyms(new Uint8Array(32).fill(7));
const ipv4 = (word: number) => addressText(4, [pseudonyms.ipv4(word)]);

function ipv6(...words: number[]): string {
  const four = Uint32Array.from(words);
  pseudonyms.ipv6(four);
  return addressText(6, [...four]);
}

test('a record has pseudonyms of all its addresses, those of its translation too, and keeps the rest', () => {
  const annotations = {
    ...createAnnotations(),
    translation: 'matched' as const,
    translatedSource0: 0xcb007105,
    translatedDestination0: 0xc0000250,
    translatedSourcePort: 61_002,
    sourceRegion: 'ap-guangzhou',
  };
  const plain = { ...createFlowRecord(), source0: 0x0a000002, destination0: 0xc0000250, sourcePort: 40_000, bytes: 5 };
  const record = createFlowRecord();
  pseudonymisedRecords(cursorOver([{ ...plain, isAnnotated: true, annotations }]), pseudonyms).next(record);
  expect(recordAddress(record, 'source')).toBe(ipv4(0x0a000002));
  expect(recordAddress(record, 'destination')).toBe(ipv4(0xc0000250));
  const { translatedSource0, translatedDestination0 } = record.annotations;
  expect(addressText(4, [translatedSource0])).toBe(ipv4(0xcb007105));
  expect(addressText(4, [translatedDestination0])).toBe(ipv4(0xc0000250));
  expect(record).toMatchObject({ sourcePort: 40_000, bytes: 5 });
  expect(record.annotations).toMatchObject({ sourceRegion: 'ap-guangzhou', translatedSourcePort: 61_002 });
});

test('a record of IPv6 has pseudonyms of all its words', () => {
  const annotations = {
    ...createAnnotations(),
    translation: 'matched' as const,
    ...{ translatedSource0: 0x20010db8, translatedSource3: 3, translatedDestination0: 0x20010db8 },
  };
  const plain = {
    ...createFlowRecord(),
    family: 6 as const,
    source0: 0x20010db8,
    source3: 1,
    destination0: 0x20010db8,
  };
  const record = createFlowRecord();
  pseudonymisedRecords(cursorOver([{ ...plain, destination3: 2, isAnnotated: true, annotations }]), pseudonyms).next(
    record,
  );
  expect(recordAddress(record, 'source')).toBe(ipv6(0x20010db8, 0, 0, 1));
  expect(recordAddress(record, 'destination')).toBe(ipv6(0x20010db8, 0, 0, 2));
  const of = record.annotations;
  const source = [of.translatedSource0, of.translatedSource1, of.translatedSource2, of.translatedSource3];
  expect(addressText(6, source)).toBe(ipv6(0x20010db8, 0, 0, 3));
});

test('what stands for no address in a coarser record stays so', () => {
  const record = createFlowRecord();
  pseudonymisedRecords(cursorOver([{ ...createFlowRecord(), destination0: 1 }]), pseudonyms).next(record);
  expect(recordAddress(record, 'source')).toBe('0.0.0.0');
});

test('a ledger has pseudonyms of the largest peers of its rules', () => {
  const numbers = { protocol: 17, port: 67, packets: 1, bytes: 2, missedBytesMax: 0 };
  const peers = [
    { source: '10.0.0.5', destination: '0.0.0.0', ...numbers },
    { source: '2001:db8::1', destination: '2001:db8::2', ...numbers },
  ];
  const ledger = { ...createLedger([]), excludedPeers: { dhcp: { peers, unlistedBytesMax: 9 } } };
  expect(pseudonymisedLedger(ledger, pseudonyms).excludedPeers['dhcp']).toEqual({
    peers: [
      { source: ipv4(0x0a000005), destination: '0.0.0.0', ...numbers },
      { source: ipv6(0x20010db8, 0, 0, 1), destination: ipv6(0x20010db8, 0, 0, 2), ...numbers },
    ],
    unlistedBytesMax: 9,
  });
  expect(ledger.excludedPeers.dhcp.peers[0]!.source).toBe('10.0.0.5');
});
