/** IP headers and what stands between them and the transport header, as far as a flow record depends on it. */
import { addressText } from '../record/endpoint.ts';
import type { Ending } from './decode-trace.ts';
import { type FrameReader, hex, type LayerName, type Outcome } from './frame-reader.ts';
import { protocolTitle, transportLayer } from './transport.ts';

const HOP_BY_HOP = 0;
const NO_NEXT_HEADER = 59;
/** What the walk passes through (RFC 8200 section 4.1, RFC 4302); ESP, say, ends it: what is behind is not to be read. */
const EXTENSION_HEADERS: ReadonlyMap<number, readonly [layer: LayerName, title: string]> = new Map([
  [HOP_BY_HOP, ['hop-by-hop', 'Hop-by-Hop Options']],
  [43, ['routing', 'Routing']],
  [44, ['fragment', 'Fragment']],
  [51, ['authentication', 'Authentication']],
  [60, ['destination-options', 'Destination Options']],
]);
const OPTION_PAD1 = 0;
const OPTION_JUMBO_PAYLOAD = 0xc2;

export function readIpv4(frame: FrameReader, ip: number): Outcome {
  const version = frame.u8(ip) >> 4;
  if (version !== 4) return frame.malformed(ip, `IP version ${version}, expected 4`);
  const headerBytes = (frame.u8(ip) & 15) * 4;
  if (headerBytes < 20) return frame.malformed(ip, `header length ${headerBytes}, expected at least 20`);
  const [source, destination] = [[frame.u32(ip + 12)], [frame.u32(ip + 16)]];
  frame.protocol = frame.u8(ip + 9);
  frame.say(
    ip,
    `${addressText(4, source)} > ${addressText(4, destination)}, protocol ${protocolTitle(frame.protocol)}, ` +
      `header length ${headerBytes}, TTL ${frame.u8(ip + 8)}`,
  );
  const bytes = ipv4Length(frame, ip, headerBytes);
  if (typeof bytes !== 'number') return bytes;
  frame.enter(ip, { family: 4, source, destination, bytes });
  if (isLaterIpv4Fragment(frame, ip)) return frame.key();
  return { layer: transportLayer(frame.protocol), at: ip + headerBytes };
}

function ipv4Length(frame: FrameReader, ip: number, headerBytes: number): number | Ending {
  const total = frame.u16(ip + 2);
  if (total !== 0 && total < headerBytes) {
    return frame.malformed(ip + 2, `total length ${total} is below the header length ${headerBytes}`);
  }
  const left = frame.wire - ip;
  if (left < headerBytes) return frame.malformed(ip, `${left} bytes left in the frame, header length ${headerBytes}`);
  return countedBytes(frame, ip, ip + 2, 'total length', total === 0 ? undefined : total);
}

/**
 * The bytes that a record counts.
 *
 * @param claimed by the header; undefined where segmentation offload left it out
 */
function countedBytes(frame: FrameReader, ip: number, at: number, source: string, claimed: number | undefined): number {
  const left = frame.wire - ip;
  const bytes = Math.min(claimed ?? left, left);
  let rule = source;
  if (claimed === undefined) rule += ' 0 (segmentation offload): the rest of the frame counts';
  else if (claimed > left) rule += ` ${claimed} exceeds the frame: the rest of the frame counts`;
  else if (claimed < left) rule += `; ${left - claimed} more are padding or a trailer`;
  frame.say(at, `${bytes} bytes: ${rule}`, 'length');
  return bytes;
}

/** A later fragment has no transport header. */
function isLaterIpv4Fragment(frame: FrameReader, ip: number): boolean {
  const word = frame.u16(ip + 6);
  const offset = (word & 0x1fff) * 8;
  const hasMore = (word & 0x2000) !== 0;
  if (offset === 0 && !hasMore) return false;
  frame.say(ip + 6, fragmentText(offset, hex(frame.u16(ip + 4))), 'fragment');
  return offset !== 0;
}

function fragmentText(offset: number, identification: string): string {
  const which = offset === 0 ? 'first' : `later (from byte ${offset}, no ports or flags)`;
  return `${which}, packet ${identification}`;
}

export function readIpv6(frame: FrameReader, ip: number): Outcome {
  const version = frame.u8(ip) >> 4;
  if (version !== 6) return frame.malformed(ip, `IP version ${version}, expected 6`);
  const [source, destination] = [words(frame, ip + 8), words(frame, ip + 24)];
  const nextHeader = frame.u8(ip + 6);
  frame.say(
    ip,
    `${addressText(6, source)} > ${addressText(6, destination)}, next header ${headerTitle(nextHeader)}, ` +
      `hop limit ${frame.u8(ip + 7)}`,
  );
  const { claimed, source: field } = ipv6Claim(frame, ip);
  const bytes = countedBytes(frame, ip, ip + 4, field, claimed);
  frame.enter(ip, { family: 6, source, destination, bytes });
  return nextLayer(frame, nextHeader, ip + 40);
}

function words(frame: FrameReader, at: number): readonly number[] {
  return [0, 4, 8, 12].map((offset) => frame.u32(at + offset));
}

function headerTitle(header: number): string {
  const [, title] = EXTENSION_HEADERS.get(header) ?? [];
  return title === undefined ? protocolTitle(header) : `${header} (${title})`;
}

function nextLayer(frame: FrameReader, nextHeader: number, at: number): Outcome {
  frame.protocol = nextHeader;
  const [extension = transportLayer(nextHeader)] = EXTENSION_HEADERS.get(nextHeader) ?? [];
  return { layer: extension, at };
}

/** The packet's length by its own header, undefined where segmentation offload left it out, and where that stands. */
export function ipv6Claim(frame: FrameReader, ip: number): { claimed: number | undefined; source: string } {
  const payload = frame.u16(ip + 4);
  const nextHeader = frame.u8(ip + 6);
  if (payload !== 0 || nextHeader === NO_NEXT_HEADER) return { claimed: payload + 40, source: '40 + payload length' };
  const jumbo = nextHeader === HOP_BY_HOP ? jumboPayload(frame, ip + 40) : undefined;
  if (jumbo === undefined) return { claimed: undefined, source: 'payload length' };
  return { claimed: jumbo.bytes + 40, source: `40 + Jumbo Payload option at byte ${jumbo.offset}` };
}

/** RFC 2675 section 2; undefined when the Hop-by-Hop header at `at` has no such option, or it was not captured whole. */
function jumboPayload(frame: FrameReader, at: number): { bytes: number; offset: number } | undefined {
  if (!frame.holds(at, 8)) return undefined;
  const end = Math.min(at + (frame.u8(at + 1) + 1) * 8, frame.captured);
  let next = at + 2;
  while (next + 6 <= end) {
    const type = frame.u8(next);
    if (type === OPTION_JUMBO_PAYLOAD && frame.u8(next + 1) === 4) return { bytes: frame.u32(next + 2), offset: next };
    next += type === OPTION_PAD1 ? 1 : 2 + frame.u8(next + 1);
  }
  return undefined;
}

/** Any extension header that says its length in units of 8 bytes, less the first. */
export function readExtension(frame: FrameReader, at: number): Outcome {
  return extension(frame, at, () => (frame.u8(at + 1) + 1) * 8);
}

export function readAuthentication(frame: FrameReader, at: number): Outcome {
  return extension(frame, at, () => (frame.u8(at + 1) + 2) * 4);
}

function extension(frame: FrameReader, at: number, bytesOf: () => number): Outcome {
  if (at + 8 > frame.end) return endOfChain(frame, at);
  const bytes = bytesOf();
  const next = frame.u8(at);
  frame.say(at, `${bytes} bytes, next header ${headerTitle(next)}`);
  return nextLayer(frame, next, at + bytes);
}

function endOfChain(frame: FrameReader, at: number): Outcome {
  frame.say(at, 'truncated (fewer than 8 bytes): recorded as the protocol');
  return { layer: 'transport', at };
}

export function readFragment(frame: FrameReader, at: number): Outcome {
  if (at + 8 > frame.end) return endOfChain(frame, at);
  const next = frame.u8(at);
  const offset = frame.u16(at + 2) & 0xfff8;
  frame.say(at, `${fragmentText(offset, hex(frame.u32(at + 4), 8))}, next header ${headerTitle(next)}`);
  if (offset === 0) return nextLayer(frame, next, at + 8);
  frame.protocol = next;
  return frame.key();
}
