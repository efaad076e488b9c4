/** A record of a closed window as the rules of detection see it. */
import type { Observed } from '../../detect/observed.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import { IPV6_BYTES_MAX, writeAddress } from '../record/ascii.ts';

const text = Buffer.alloc(IPV6_BYTES_MAX);

/** Fills `observed`. @param window Unix seconds; flow logs whose records have the times of packets count by their windows, too */
export function observeRecord(
  observed: Observed,
  record: FlowRecord,
  window: { readonly start: number; readonly end: number },
): void {
  const { annotations, isAnnotated } = record;
  observed.sourceAddress = addressOf(record.family, record.source0, record.source1, record.source2, record.source3);
  observed.destinationAddress = addressOf(
    record.family,
    record.destination0,
    record.destination1,
    record.destination2,
    record.destination3,
  );
  observed.sourcePort = record.sourcePort;
  observed.destinationPort = record.destinationPort;
  observed.protocol = record.protocol;
  observed.packets = record.packets;
  observed.bytes = record.bytes;
  observed.tcpFlags = record.tcpFlags;
  observed.icmpType = record.icmpType < 0 ? undefined : record.icmpType;
  observed.icmpCode = record.icmpCode < 0 ? undefined : record.icmpCode;
  observed.action = isAnnotated ? annotations.action : 'ACCEPT';
  observed.initiator = isAnnotated ? annotations.initiator : undefined;
  observed.start = window.start;
  observed.end = window.end;
  observed.first = window.start + Math.floor(record.firstMicroseconds / 1e6);
}

/** In one piece: text that is joined of pieces would stay so wherever it is kept. */
function addressOf(family: 4 | 6, word0: number, word1: number, word2: number, word3: number): string {
  return text.toString('latin1', 0, writeAddress(family, word0, word1, word2, word3, text, 0));
}
