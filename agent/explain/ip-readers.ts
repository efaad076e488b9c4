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
  if (version !== 4) return frame.malformed(ip, `it is announced as IPv4 and says version ${version}`);
  const headerBytes = (frame.u8(ip) & 15) * 4;
  if (headerBytes < 20)
    return frame.malformed(ip, `the header says that it is ${headerBytes} bytes long, 20 is the least`);
  const [source, destination] = [[frame.u32(ip + 12)], [frame.u32(ip + 16)]];
  frame.protocol = frame.u8(ip + 9);
  frame.say(
    ip,
    `${addressText(4, source)} > ${addressText(4, destination)}, protocol ${protocolTitle(frame.protocol)}, ` +
      `header of ${headerBytes} bytes, time to live ${frame.u8(ip + 8)}`,
  );
  const bytes = ipv4Length(frame, ip, headerBytes);
  if (typeof bytes !== 'number') return bytes;
  frame.enter(ip, { family: 4, source, destination, bytes });
  if (isLaterIpv4Fragment(frame, ip)) return frame.key();
  return { layer: transportLayer(frame.protocol), at: ip + headerBytes };
}

function ipv4Length(frame: FrameReader, ip: number, headerBytes: number): number | Ending {
  const total = frame.u16(ip + 2);
  const left = frame.wire - ip;
  if (total !== 0 && total < headerBytes) {
    return frame.malformed(ip + 2, `total length ${total} is less than the header's ${headerBytes} bytes`);
  }
  const bytes = total === 0 || total > left ? left : total;
  if (bytes < headerBytes) {
    return frame.malformed(ip, `the frame had ${left} bytes from here on, less than the header's ${headerBytes}`);
  }
  frame.say(ip + 2, `${bytes} bytes: ${ipv4LengthRule(total, left)}`, 'length');
  return bytes;
}

function ipv4LengthRule(total: number, left: number): string {
  if (total === 0) return 'the total length is 0 (segmentation offload), so the rest of the frame counts';
  if (total > left) return `the total length ${total} is more than the frame had, so the rest of the frame counts`;
  return total === left ? 'the total length' : `the total length; ${left - total} more are padding or a trailer`;
}

/** A later fragment has no transport header. */
function isLaterIpv4Fragment(frame: FrameReader, ip: number): boolean {
  const word = frame.u16(ip + 6);
  const offset = word & 0x1fff;
  const hasMore = (word & 0x2000) !== 0;
  if (offset === 0 && !hasMore) return false;
  const identification = `of packet ${hex(frame.u16(ip + 4))}`;
  const which =
    offset === 0
      ? `the first ${identification}: it has the transport header`
      : `a later one ${identification}, from byte ${offset * 8} on: no ports, no flags`;
  frame.say(ip + 6, which, 'fragment');
  return offset !== 0;
}

export function readIpv6(frame: FrameReader, ip: number): Outcome {
  const version = frame.u8(ip) >> 4;
  if (version !== 6) return frame.malformed(ip, `it is announced as IPv6 and says version ${version}`);
  const [source, destination] = [words(frame, ip + 8), words(frame, ip + 24)];
  const nextHeader = frame.u8(ip + 6);
  frame.say(
    ip,
    `${addressText(6, source)} > ${addressText(6, destination)}, next header ${headerTitle(nextHeader)}, ` +
      `hop limit ${frame.u8(ip + 7)}`,
  );
  frame.enter(ip, { family: 6, source, destination, bytes: ipv6Length(frame, ip) });
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

/** The packet's length by its own header; undefined where segmentation offload left it out. */
export function ipv6Claim(frame: FrameReader, ip: number) {
  const payload = frame.u16(ip + 4);
  const nextHeader = frame.u8(ip + 6);
  const jumbo = payload === 0 && nextHeader === HOP_BY_HOP ? jumboPayload(frame, ip + 40) : undefined;
  const claimed = payload !== 0 || nextHeader === NO_NEXT_HEADER ? payload + 40 : jumbo && jumbo.bytes + 40;
  return { payload, jumbo, claimed };
}

function ipv6Length(frame: FrameReader, ip: number): number {
  const left = frame.wire - ip;
  const { payload, jumbo, claimed } = ipv6Claim(frame, ip);
  const bytes = Math.min(claimed ?? left, left);
  let rule = 'the payload length is 0 (segmentation offload), so the rest of the frame counts';
  if (jumbo !== undefined) rule = `40 and the ${jumbo.bytes} of the Jumbo Payload option at byte ${jumbo.offset}`;
  else if (claimed !== undefined) rule = `40 and the payload length ${payload}`;
  if (claimed !== undefined && claimed > left) rule += ' are more than the frame had, so the rest of the frame counts';
  else if (claimed !== undefined && claimed < left) rule += `; ${left - claimed} more are padding or a trailer`;
  frame.say(ip + 4, `${bytes} bytes: ${rule}`, 'length');
  return bytes;
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
  frame.say(at, 'fewer than 8 bytes of it are there: the chain ends here, and it is taken for the protocol');
  return { layer: 'transport', at };
}

export function readFragment(frame: FrameReader, at: number): Outcome {
  if (at + 8 > frame.end) return endOfChain(frame, at);
  const next = frame.u8(at);
  const word = frame.u16(at + 2);
  const isLater = word >> 3 !== 0;
  const which = isLater ? `a later one, from byte ${word & 0xfff8} on: no ports, no flags` : 'the first one';
  frame.say(at, `${which}; of packet ${hex(frame.u32(at + 4), 8)}, next header ${headerTitle(next)}`);
  if (!isLater) return nextLayer(frame, next, at + 8);
  frame.protocol = next;
  return frame.key();
}
