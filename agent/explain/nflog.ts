/** What the packet filter logs (NFLOG), attribute by attribute, down to the packet in it. */
import type { FrameReader, LayerName, Outcome } from './frame-reader.ts';

const FAMILIES: ReadonlyMap<number, string> = new Map([
  [2, 'IPv4'],
  [3, 'ARP'],
  [5, 'netdev'],
  [7, 'bridge'],
  [10, 'IPv6'],
]);

/** Numbers of linux/netfilter/nfnetlink_log.h. */
const PACKET_HEADER = 1;
const INTERFACES: ReadonlyMap<number, string> = new Map([
  [4, 'received on interface'],
  [5, 'to be sent on interface'],
]);
const PAYLOAD = 9;
const PREFIX = 10;
const LINK_HEADER = 21;

/** The longest packet that an IP header can state. */
const LOGGED_BYTES_MAX = 40 + 65_535;

/** The length of the packet is in its own header alone. */
export function readNflog(frame: FrameReader): Outcome {
  if (frame.u8(1) !== 0) return frame.malformed(1, `NFLOG version ${frame.u8(1)} is unknown, expected 0`);
  const family = frame.u8(0);
  frame.say(0, `family ${family} (${FAMILIES.get(family) ?? 'unknown'}), group ${frame.u16(2)}`);
  const found = readAttributes(frame);
  if (found === undefined) return frame.malformed(4, 'NFLOG attribute shorter than its own header');
  const { at, held, protocol, hook, linkHeaderBytes } = found;
  const within = (layer: LayerName, bytes: number): Outcome => {
    frame.narrow(at + held, at + Math.max(held, bytes));
    return { layer, at };
  };
  const lengthAt = (offset: number) => (held < 6 ? 0 : frame.u16(at + offset));
  if (family === 5 && hook === 1 && linkHeaderBytes >= 14)
    return within('ethernet', LOGGED_BYTES_MAX + linkHeaderBytes);
  if (family === 2 || protocol === 0x0800) return within('ipv4', lengthAt(2) || LOGGED_BYTES_MAX);
  if (family === 10 || protocol === 0x86dd)
    return within('ipv6', lengthAt(4) === 0 ? LOGGED_BYTES_MAX : 40 + lengthAt(4));
  return frame.notIp(0, 'no IP packet in the NFLOG record');
}

/** Undefined where an attribute is shorter than its own header. `at` and `held` are those of the packet. */
function readAttributes(frame: FrameReader) {
  const found = { at: 0, held: 0, protocol: 0, hook: 0, linkHeaderBytes: 0 };
  for (let next = 4; frame.holds(next, 4); ) {
    const length = frame.u16(next, true);
    if (length < 4) return undefined;
    const at = next + 4;
    const held = Math.min(length, frame.captured - next) - 4;
    const type = frame.u16(next + 2, true) & 0x3fff;
    if (type === PACKET_HEADER && held >= 3) {
      Object.assign(found, { protocol: frame.u16(at), hook: frame.u8(at + 2) });
    } else if (type === PAYLOAD) Object.assign(found, { at, held });
    else if (type === LINK_HEADER) found.linkHeaderBytes = held;
    else sayAttribute(frame, type, at, held);
    next += (length + 3) & ~3;
  }
  return found;
}

function sayAttribute(frame: FrameReader, type: number, at: number, held: number): void {
  const does = INTERFACES.get(type);
  if (does !== undefined && held >= 4) frame.say(at, `${does} number ${frame.u32(at)}`);
  if (type === PREFIX) frame.say(at, `prefix ${JSON.stringify(textAt(frame, at, held))}`);
}

function textAt(frame: FrameReader, at: number, held: number): string {
  const bytes = Array.from({ length: held }, (_, index) => frame.u8(at + index));
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(Uint8Array.from(end < 0 ? bytes : bytes.slice(0, end)));
}
