/** Addresses and ports as people write them. Cold: the printers write bytes themselves (ascii.ts). */
import type { FlowRecord } from '../model/flow-record.ts';
import { IPV6_BYTES_MAX, writeAddress } from './ascii.ts';

/** @param words in network order; IPv4 uses the first alone */
export function addressText(family: 4 | 6, words: readonly number[]): string {
  const [word0 = 0, word1 = 0, word2 = 0, word3 = 0] = words;
  const buffer = new Uint8Array(IPV6_BYTES_MAX);
  return new TextDecoder('latin1').decode(
    buffer.subarray(0, writeAddress(family, word0, word1, word2, word3, buffer, 0)),
  );
}

/** One address of a record. */
export function recordAddress(record: FlowRecord, side: 'source' | 'destination'): string {
  return side === 'source'
    ? addressText(record.family, [record.source0, record.source1, record.source2, record.source3])
    : addressText(record.family, [record.destination0, record.destination1, record.destination2, record.destination3]);
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`; without the port where there is none. */
export function endpoint(record: FlowRecord, side: 'source' | 'destination'): string {
  const port = side === 'source' ? record.sourcePort : record.destinationPort;
  const hasPorts = record.sourcePort !== 0 || record.destinationPort !== 0;
  return joinPort(record.family, recordAddress(record, side), hasPorts ? port : undefined);
}

/** An address with its port, in brackets where colons would run into one another. */
export function joinPort(family: 4 | 6, address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}
