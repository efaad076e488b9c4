import { addressText } from '../record/endpoint.ts';
import { type Ending, hex, type Telling } from './story.ts';
import { protocolTitle, tellTransport } from './transport.ts';

const HOP_BY_HOP = 0;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const NO_NEXT_HEADER = 59;
/** What the walk passes through (RFC 8200 section 4.1, RFC 4302); ESP, say, ends it: what is behind is not to be read. */
const EXTENSION_HEADERS: ReadonlyMap<number, string> = new Map([
  [HOP_BY_HOP, 'Hop-by-Hop Options'],
  [43, 'Routing'],
  [FRAGMENT, 'Fragment'],
  [AUTHENTICATION, 'Authentication'],
  [60, 'Destination Options'],
]);
const OPTION_PAD1 = 0;
const OPTION_JUMBO_PAYLOAD = 0xc2;

/** RFC 8200 section 3, as far as a flow record depends on it. */
export function tellIpv6(telling: Telling, ip: number): Ending {
  if (!telling.holds(ip, 40)) return telling.cut(ip, 'an IPv6 header', 40);
  const version = telling.u8(ip) >> 4;
  if (version !== 6) return telling.malformed(ip, `it is announced as IPv6 and says version ${version}`);
  const nextHeader = telling.u8(ip + 6);
  const source = words(telling, ip + 8);
  const destination = words(telling, ip + 24);
  telling.say(
    'IPv6',
    ip,
    `${addressText(6, source)} > ${addressText(6, destination)}, next header ${headerTitle(nextHeader)}, ` +
      `hop limit ${telling.u8(ip + 7)}`,
  );
  const bytes = tellLength(telling, ip);
  const end = ip + Math.min(bytes, telling.captured - ip);
  const { protocol, at, isLater } = tellExtensionHeaders(telling, nextHeader, ip + 40, end);
  const transport = tellTransport(telling, isLater ? undefined : protocol, at, end);
  return { kind: 'key', family: 6, source, destination, protocol, bytes, ...transport };
}

function words(telling: Telling, at: number): readonly number[] {
  return [0, 4, 8, 12].map((offset) => telling.u32(at + offset));
}

function headerTitle(header: number): string {
  return EXTENSION_HEADERS.has(header) ? `${header} (${EXTENSION_HEADERS.get(header)})` : protocolTitle(header);
}

/** The packet's length by its own header; undefined where segmentation offload left it out. */
export function claimOf(telling: Telling, ip: number) {
  const payload = telling.u16(ip + 4);
  const nextHeader = telling.u8(ip + 6);
  const jumbo = payload === 0 && nextHeader === HOP_BY_HOP ? jumboPayload(telling, ip + 40) : undefined;
  const claimed = payload !== 0 || nextHeader === NO_NEXT_HEADER ? payload + 40 : jumbo && jumbo.bytes + 40;
  return { payload, jumbo, claimed };
}

function tellLength(telling: Telling, ip: number): number {
  const left = telling.wire - ip;
  const { payload, jumbo, claimed } = claimOf(telling, ip);
  const bytes = Math.min(claimed ?? left, left);
  let rule = 'the payload length is 0 (segmentation offload), so the rest of the frame counts';
  if (jumbo !== undefined) rule = `40 and the ${jumbo.bytes} of the Jumbo Payload option at byte ${jumbo.offset}`;
  else if (claimed !== undefined) rule = `40 and the payload length ${payload}`;
  if (claimed !== undefined && claimed > left) rule += ' are more than the frame had, so the rest of the frame counts';
  else if (claimed !== undefined && claimed < left) rule += `; ${left - claimed} more are padding or a trailer`;
  telling.say('length', ip + 4, `${bytes} bytes: ${rule}`);
  return bytes;
}

/** RFC 2675 section 2; undefined when the Hop-by-Hop header at `at` has no such option, or it was not captured whole. */
function jumboPayload(telling: Telling, at: number): { bytes: number; offset: number } | undefined {
  if (!telling.holds(at, 8)) return undefined;
  const end = Math.min(at + (telling.u8(at + 1) + 1) * 8, telling.captured);
  let next = at + 2;
  while (next + 6 <= end) {
    const type = telling.u8(next);
    if (type === OPTION_JUMBO_PAYLOAD && telling.u8(next + 1) === 4)
      return { bytes: telling.u32(next + 2), offset: next };
    next += type === OPTION_PAD1 ? 1 : 2 + telling.u8(next + 1);
  }
  return undefined;
}

/** Follows the Next Header chain up to `end`, to the protocol whose header stands at `at`. */
function tellExtensionHeaders(telling: Telling, first: number, start: number, end: number) {
  let protocol = first;
  let at = start;
  while (EXTENSION_HEADERS.has(protocol)) {
    const layer = EXTENSION_HEADERS.get(protocol)!;
    if (at + 8 > end) {
      telling.say(
        layer,
        at,
        'fewer than 8 bytes of it are there: the chain ends here, and it is taken for the protocol',
      );
      break;
    }
    const next = telling.u8(at);
    if (protocol === FRAGMENT) {
      const isLater = tellFragment(telling, at, next);
      if (isLater) return { protocol: next, at, isLater };
      at += 8;
    } else {
      const bytes = protocol === AUTHENTICATION ? (telling.u8(at + 1) + 2) * 4 : (telling.u8(at + 1) + 1) * 8;
      telling.say(layer, at, `${bytes} bytes, next header ${headerTitle(next)}`);
      at += bytes;
    }
    protocol = next;
  }
  return { protocol, at, isLater: false };
}

/** RFC 8200 section 4.5; answers whether it is a later fragment, which has no transport header. */
function tellFragment(telling: Telling, at: number, next: number): boolean {
  const word = telling.u16(at + 2);
  const isLater = word >> 3 !== 0;
  const which = isLater ? `a later one, from byte ${word & 0xfff8} on: no ports, no flags` : 'the first one';
  telling.say('Fragment', at, `${which}; of packet ${hex(telling.u32(at + 4), 8)}, next header ${headerTitle(next)}`);
  return isLater;
}
