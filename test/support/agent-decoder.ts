/** The agent's decoder and built-in exclusions, asked as the reference decoder is asked. */
import { IPV4, IPV6, MALFORMED, NOT_IP } from '../../agent/packet/decode.ts';
import { EXCLUDE_DEFAULTS, Exclusion, KEEP } from '../../agent/packet/exclusion.ts';
import { ICMP_KNOWN, isIcmp } from '../../agent/packet/icmp.ts';
import {
  DESTINATION,
  ICMP,
  IP_BYTES,
  PORTS,
  PROTOCOL_AND_FLAGS,
  ROW_WORDS,
  SOURCE,
} from '../../agent/packet/key-row.ts';
import { decoderFor } from '../../agent/packet/link-type.ts';
import type { DecodedPacket, Frame, Refusal } from './reference-decoder.ts';

const exclusion = new Exclusion(EXCLUDE_DEFAULTS);
const UNTOUCHED = 0x5bad_5bad;
/** Where the frame begins in its buffer: not on a multiple of 8, so that nothing can count on that. */
const AT = 13;

/** Decodes the captured bytes with `behind` after them, into the middle one of three rows; the others must stay as they were. */
export function decodeWithAgent(frame: Frame, behind: Uint8Array = new Uint8Array(0)): Refusal | DecodedPacket {
  const buffer = new Uint8Array(AT + frame.capturedLength + behind.length).fill(0xee);
  buffer.set(frame.bytes.subarray(0, frame.capturedLength), AT);
  buffer.set(behind, AT + frame.capturedLength);
  const rows = new Int32Array(3 * ROW_WORDS).fill(UNTOUCHED);
  const decode = decoderFor(frame.linkType)!;
  // As every reader has it: no shorter on the wire than what was captured.
  const wire = Math.max(frame.wireLength, frame.capturedLength);
  const decoded = decode(new DataView(buffer.buffer), AT, frame.capturedLength, wire, rows, ROW_WORDS);
  const around = rows.filter(
    (_, word) => word < ROW_WORDS || (word > ROW_WORDS + IP_BYTES && word !== ROW_WORDS + ICMP),
  );
  if (around.some((word) => word !== UNTOUCHED)) throw new Error('the decoder wrote outside of its words');
  if (decoded === NOT_IP) return { refusal: 'not-ip' };
  if (decoded === MALFORMED) return { refusal: 'malformed' };
  if (decoded !== IPV4 && decoded !== IPV6) throw new Error(`the decoder answered ${decoded}`);
  return packetOf(rows, ROW_WORDS, decoded);
}

function packetOf(rows: Int32Array, row: number, family: 4 | 6): DecodedPacket {
  const rule = exclusion.match(rows, row, family);
  const name = rule === KEEP ? undefined : exclusion.ruleNames[rule]!;
  return {
    family,
    source: addressText(rows.subarray(row + SOURCE, row + SOURCE + 4), family),
    destination: addressText(rows.subarray(row + DESTINATION, row + DESTINATION + 4), family),
    sourcePort: rows[row + PORTS]! >>> 16,
    destinationPort: rows[row + PORTS]! & 0xffff,
    protocol: rows[row + PROTOCOL_AND_FLAGS]! & 0xff,
    bytes: rows[row + IP_BYTES]! >>> 0,
    tcpFlags: rows[row + PROTOCOL_AND_FLAGS]! >>> 8,
    ...icmpOf(rows, row),
    ...(name === undefined ? {} : { excludedBy: name as NonNullable<DecodedPacket['excludedBy']> }),
  };
}

/** Nothing where it is unknown; of other protocols the word must be as it was. */
function icmpOf(rows: Int32Array, row: number): Pick<DecodedPacket, 'icmp'> {
  const icmp = rows[row + ICMP]!;
  if (!isIcmp(rows[row + PROTOCOL_AND_FLAGS]! & 0xff)) {
    if (icmp !== UNTOUCHED) throw new Error('the decoder wrote an ICMP type of another protocol');
    return {};
  }
  if (icmp === 0) return {};
  if (icmp >>> 16 !== ICMP_KNOWN >>> 16) throw new Error(`the decoder wrote ${icmp} as type and code`);
  return { icmp: { type: (icmp >>> 8) & 0xff, code: icmp & 0xff } };
}

function addressText(words: Int32Array, family: 4 | 6): string {
  const [first] = words;
  if (family === 4) return [24, 16, 8, 0].map((shift) => (first! >>> shift) & 0xff).join('.');
  return [...words]
    .flatMap((word) => [word >>> 16, word & 0xffff].map((group) => group.toString(16).padStart(4, '0')))
    .join(':');
}
