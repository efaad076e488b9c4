/** proto/flowlog.proto, decoded with protobufjs: the oracle for what the agent writes by hand. */
import protobuf from 'protobufjs';
import type { PlainRecord } from './ndjson-records.ts';

const schema = protobuf.loadSync(new URL('../../proto/flowlog.proto', import.meta.url).pathname);
const FlowBatch = schema.lookupType('flowlog.v1.FlowBatch');

interface SchemaRecord {
  readonly sourceAddress: Uint8Array;
  readonly destinationAddress: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  readonly packets: number;
  readonly bytes: number;
  readonly firstNanoseconds: number;
  readonly lastNanoseconds: number;
}
export interface SchemaBatch {
  readonly windowStartSeconds: number;
  readonly windowSeconds: number;
  readonly part: number;
  readonly ledger?: { readonly metered?: { readonly packets: number; readonly bytes: number } };
  readonly records: readonly SchemaRecord[];
}

/** Batches one after the other, each behind its length as a varint. */
export function decodeDelimitedBatches(bytes: Uint8Array): SchemaBatch[] {
  const reader = protobuf.Reader.create(bytes);
  const batches: SchemaBatch[] = [];
  while (reader.pos < reader.len) {
    const message = FlowBatch.decodeDelimited(reader);
    batches.push(FlowBatch.toObject(message, { longs: Number, defaults: true, arrays: true }) as SchemaBatch);
  }
  return batches;
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{4})(?=.)/g, '$1:');
}

/** The records of batches as NDJSON would have them. */
export function plainRecords(batches: readonly SchemaBatch[]): PlainRecord[] {
  return batches.flatMap(({ windowStartSeconds, records }) =>
    records.map((record) => ({
      window_start: windowStartSeconds,
      srcaddr: addressText(record.sourceAddress),
      dstaddr: addressText(record.destinationAddress),
      srcport: record.sourcePort,
      dstport: record.destinationPort,
      protocol: record.protocol,
      packets: record.packets,
      bytes: record.bytes,
      start: windowStartSeconds + Math.floor(record.firstNanoseconds / 1e9),
      end: windowStartSeconds + Math.floor(record.lastNanoseconds / 1e9),
      tcp_flags: record.tcpFlags,
    })),
  );
}
