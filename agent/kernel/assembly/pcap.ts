/** The packets of a pcap file as records of a batch: the loop of capture/pcap.ts, for files whose captured length comes first. */
import {
  CAPTURED_LENGTH,
  FRAME,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../../model/packet-batch-layout';
import { WALKED_TO } from '../layout';

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/**
 * Answers how many records it made at `records`, and leaves where it stopped.
 *
 * @param base frames are counted from here
 * @param swaps the file is in the other byte order
 */
export function walkPcap(
  from: usize,
  end: usize,
  base: usize,
  headerBytes: u32,
  swaps: bool,
  nanosecondsPerUnit: u32,
  snapBytes: u32,
  frameBytesMax: u32,
  records: usize,
  recordsMax: u32,
): u32 {
  let at = from;
  let record = records;
  let count: u32 = 0;
  for (; count < recordsMax && end - at >= headerBytes; count++) {
    const captured = word(at + 8, swaps);
    if (captured > frameBytesMax || end - at - headerBytes < captured) break;
    const kept = min(captured, snapBytes);
    const time = <u64>word(at + 4, swaps) * nanosecondsPerUnit;
    store<f64>(record, <f64>(<u64>word(at, swaps) + time / NANOSECONDS_PER_SECOND), SECONDS);
    store<u32>(record, <u32>(time % NANOSECONDS_PER_SECOND), NANOSECONDS);
    store<u32>(record, kept, CAPTURED_LENGTH);
    store<u32>(record, max(word(at + 12, swaps), kept), WIRE_LENGTH);
    store<u32>(record, <u32>(at + headerBytes - base), FRAME);
    at += headerBytes + captured;
    record += RECORD_HEADER_BYTES;
  }
  store<usize>(WALKED_TO, at);
  return count;
}

function word(at: usize, swaps: bool): u32 {
  const value = load<u32>(at);
  return swaps ? bswap<u32>(value) : value;
}
