/** Records and ledgers with pseudonyms instead of addresses: the last step before they are encoded, after all that looks addresses up. */
import type { ExcludedPeers } from '../model/excluded-peers.ts';
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import type { Ledger } from '../model/ledger.ts';
import { parseNetwork } from '../packet/address.ts';
import { addressText } from '../record/endpoint.ts';
import type { AddressPseudonyms } from './address-pseudonyms.ts';

/** The records of a cursor, in place. */
export function pseudonymisedRecords(cursor: RecordCursor, pseudonyms: AddressPseudonyms): RecordCursor {
  const words = new Uint32Array(4);
  return {
    next(record) {
      if (!cursor.next(record)) return false;
      if (record.family === 4) replaceIpv4(record, pseudonyms);
      else replaceIpv6(record, pseudonyms, words);
      return true;
    },
  };
}

function replaceIpv4(record: FlowRecord, pseudonyms: AddressPseudonyms): void {
  record.source0 = pseudonyms.ipv4(record.source0);
  record.destination0 = pseudonyms.ipv4(record.destination0);
  if (!record.isAnnotated || record.annotations.translation !== 'matched') return;
  const of = record.annotations;
  of.translatedSource0 = pseudonyms.ipv4(of.translatedSource0);
  of.translatedDestination0 = pseudonyms.ipv4(of.translatedDestination0);
}

function replaceIpv6(record: FlowRecord, pseudonyms: AddressPseudonyms, words: Uint32Array): void {
  words[0] = record.source0;
  words[1] = record.source1;
  words[2] = record.source2;
  words[3] = record.source3;
  pseudonyms.ipv6(words);
  record.source0 = words[0]!;
  record.source1 = words[1]!;
  record.source2 = words[2]!;
  record.source3 = words[3]!;
  words[0] = record.destination0;
  words[1] = record.destination1;
  words[2] = record.destination2;
  words[3] = record.destination3;
  pseudonyms.ipv6(words);
  record.destination0 = words[0]!;
  record.destination1 = words[1]!;
  record.destination2 = words[2]!;
  record.destination3 = words[3]!;
  if (record.isAnnotated && record.annotations.translation === 'matched') replaceTranslation(record, pseudonyms, words);
}

function replaceTranslation({ annotations: of }: FlowRecord, pseudonyms: AddressPseudonyms, words: Uint32Array): void {
  words.set([of.translatedSource0, of.translatedSource1, of.translatedSource2, of.translatedSource3]);
  pseudonyms.ipv6(words);
  [of.translatedSource0, of.translatedSource1, of.translatedSource2, of.translatedSource3] = words as unknown as Four;
  words.set([
    of.translatedDestination0,
    of.translatedDestination1,
    of.translatedDestination2,
    of.translatedDestination3,
  ]);
  pseudonyms.ipv6(words);
  [of.translatedDestination0, of.translatedDestination1, of.translatedDestination2, of.translatedDestination3] =
    words as unknown as Four;
}

type Four = [number, number, number, number];

/** A ledger names the largest peers of each exclusion rule by their addresses. */
export function pseudonymisedLedger(ledger: Ledger, pseudonyms: AddressPseudonyms): Ledger {
  const rules = Object.entries(ledger.excludedPeers).map(([rule, { peers, unlistedBytesMax }]) => {
    const renamed = peers.map((peer) => ({
      ...peer,
      source: pseudonymOf(peer.source, pseudonyms),
      destination: pseudonymOf(peer.destination, pseudonyms),
    }));
    return [rule, { peers: renamed, unlistedBytesMax }] satisfies [string, ExcludedPeers];
  });
  return { ...ledger, excludedPeers: Object.fromEntries(rules) };
}

function pseudonymOf(address: string, pseudonyms: AddressPseudonyms): string {
  const { family, words } = parseNetwork(address)!;
  if (family === 4) return addressText(4, [pseudonyms.ipv4(words[0]! >>> 0)]);
  const all = Uint32Array.from(words);
  pseudonyms.ipv6(all);
  return addressText(6, [...all]);
}
