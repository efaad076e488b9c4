/**
 * From the records of a batch (model/packet-batch.ts) to the rows and members of one group: the loop over packets of
 * meter/packet-groups.ts, up to where TypeScript has to decide. Its place in the batch and the group stand in memory between two
 * calls (layout.ts).
 */
import {
  CAPTURED_LENGTH,
  FRAME,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  SEGMENTATION,
  WIRE_LENGTH,
} from '../../model/packet-batch-layout';
import { MICROSECONDS, PORTS, ROW_WORDS } from '../../packet/key-row';
import {
  FRAMES,
  GROUP,
  IPV4_COUNT,
  IPV4_MEMBERS,
  IPV6_COUNT,
  IPV6_MEMBERS,
  MALFORMED_BYTES,
  MALFORMED_PACKETS,
  NOT_IP_BYTES,
  NOT_IP_PACKETS,
  RECORD,
  RECORDS_LEFT,
  ROWS,
  SEGMENTS_COUNTED,
  SEGMENTS_IGNORED,
  STOP_END,
  STOP_FULL,
  STOP_SUSPECT,
  STOP_WINDOW,
  SUSPECT_FAMILY,
  SUSPECT_ROW,
} from '../layout';
import { IPV4, MALFORMED, NOT_IP } from './decode';
import { mayBeExcluded } from './exclusion';
import { decode } from './link-type';
import { toInt32 } from './numbers';
import { countSegments, noteSegments } from './segments';

/**
 * Reads packets of the window from `start` to `end`. Answers why it stops: at the end of the batch, at a full group, before a packet of
 * another window, behind a packet that a rule may exclude.
 *
 * @param asksRules every packet may be one that a rule excludes
 * @param segments what is done about frames that stand for several packets
 * @param isOpened the window was opened for the next packet, whatever its time
 */
export function readGroup(link: i32, asksRules: bool, segments: i32, start: f64, end: f64, isOpened: bool): i32 {
  const frames = load<usize>(FRAMES);
  const asksSegments = segments !== SEGMENTS_IGNORED && frames === 0;
  let record = load<usize>(RECORD);
  let left = load<i32>(RECORDS_LEFT);
  let count = load<i32>(IPV4_COUNT) + load<i32>(IPV6_COUNT);
  let isInside = isOpened;
  let stop = STOP_END;
  for (; left > 0; left--) {
    if (count === GROUP) {
      stop = STOP_FULL;
      break;
    }
    const seconds = load<f64>(record, SECONDS);
    if (!isInside && !(seconds >= start && seconds < end)) {
      stop = STOP_WINDOW;
      break;
    }
    isInside = false;
    const captured = load<u32>(record, CAPTURED_LENGTH);
    const wire = load<u32>(record, WIRE_LENGTH);
    const frame = frames === 0 ? record + RECORD_HEADER_BYTES : frames + load<u32>(record, FRAME);
    const row = ROWS + count * ROW_WORDS * 4;
    const decoded = decode(link, frame, captured, wire, row);
    if (decoded === NOT_IP || decoded === MALFORMED) {
      refuse(decoded, wire);
    } else {
      const microseconds = (seconds - start) * 1_000_000 + <f64>load<u32>(record, NANOSECONDS) * 0.001;
      store<i32>(row, toInt32(microseconds), MICROSECONDS * 4);
      if (asksSegments) {
        const segmentation = load<u32>(record, SEGMENTATION);
        if (segments === SEGMENTS_COUNTED) countSegments(segmentation, wire, row);
        else noteSegments(segmentation, wire, row);
      }
      if (asksRules || mayBeExcluded(load<u32>(row, PORTS * 4))) stop = STOP_SUSPECT;
      else join(decoded, count++);
    }
    record = frames === 0 ? nextRecord(record, captured) : record + RECORD_HEADER_BYTES;
    if (stop === STOP_SUSPECT) {
      suspect(decoded, count);
      left--;
      break;
    }
  }
  store<usize>(RECORD, record);
  store<i32>(RECORDS_LEFT, left);
  return stop;
}

function nextRecord(record: usize, captured: u32): usize {
  return (record + RECORD_HEADER_BYTES + captured + 7) & ~7;
}

/** Makes the row of this number a member of its family's list. */
function join(family: i32, row: i32): void {
  const counter: usize = family === IPV4 ? IPV4_COUNT : IPV6_COUNT;
  const members: usize = family === IPV4 ? IPV4_MEMBERS : IPV6_MEMBERS;
  const member = load<i32>(counter);
  store<i32>(members + (member << 2), row * ROW_WORDS);
  store<i32>(counter, member + 1);
}

function suspect(family: i32, row: i32): void {
  store<i32>(SUSPECT_ROW, row * ROW_WORDS);
  store<i32>(SUSPECT_FAMILY, family);
}

function refuse(refusal: i32, wire: u32): void {
  const packets: usize = refusal === NOT_IP ? NOT_IP_PACKETS : MALFORMED_PACKETS;
  const bytes: usize = refusal === NOT_IP ? NOT_IP_BYTES : MALFORMED_BYTES;
  store<u32>(packets, load<u32>(packets) + 1);
  store<f64>(bytes, load<f64>(bytes) + <f64>wire);
}
