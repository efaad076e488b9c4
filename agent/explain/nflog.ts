/** What the packet filter logs (NFLOG), attribute by attribute, down to the packet in it. */
import type { Telling } from './story.ts';

/** Where the packet stands in the record, and what is known of it. */
export interface LoggedPacket {
  readonly at: number;
  /** Bytes of it that were captured. */
  readonly held: number;
  readonly protocol: 'ethernet' | 4 | 6 | undefined;
  readonly linkHeaderBytes: number;
}

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
  [4, 'came in through interface'],
  [5, 'would go out of interface'],
]);
const PAYLOAD = 9;
const PREFIX = 10;
const LINK_HEADER = 21;

/** Undefined where an attribute says that it is shorter than its own header. */
export function tellNflog(telling: Telling): LoggedPacket | undefined {
  const family = telling.u8(0);
  telling.say('NFLOG', 0, `family ${family} (${FAMILIES.get(family) ?? 'unknown here'}), group ${telling.u16(2)}`);
  const found = { at: 0, held: 0, protocol: 0, hook: 0, linkHeaderBytes: 0 };
  for (let next = 4; telling.holds(next, 4); ) {
    const length = telling.u16(next, true);
    if (length < 4) return undefined;
    const at = next + 4;
    const held = Math.min(length, telling.captured - next) - 4;
    const type = telling.u16(next + 2, true) & 0x3fff;
    if (type === PACKET_HEADER && held >= 3) {
      Object.assign(found, { protocol: telling.u16(at), hook: telling.u8(at + 2) });
    } else if (type === PAYLOAD) Object.assign(found, { at, held });
    else if (type === LINK_HEADER) found.linkHeaderBytes = held;
    else tellAttribute(telling, type, at, held);
    next += (length + 3) & ~3;
  }
  const { hook, protocol, ...rest } = found;
  const isFrame = family === 5 && hook === 1 && rest.linkHeaderBytes >= 14;
  return { ...rest, protocol: isFrame ? 'ethernet' : versionOf(family, protocol) };
}

function tellAttribute(telling: Telling, type: number, at: number, held: number): void {
  const does = INTERFACES.get(type);
  if (does !== undefined && held >= 4) telling.say('NFLOG', at, `${does} number ${telling.u32(at)}`);
  if (type === PREFIX) telling.say('NFLOG', at, `prefix ${JSON.stringify(textAt(telling, at, held))}`);
}

function versionOf(family: number, protocol: number): 4 | 6 | undefined {
  if (family === 2 || protocol === 0x0800) return 4;
  return family === 10 || protocol === 0x86dd ? 6 : undefined;
}

function textAt(telling: Telling, at: number, held: number): string {
  const bytes = Array.from({ length: held }, (_, index) => telling.u8(at + index));
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(Uint8Array.from(end < 0 ? bytes : bytes.slice(0, end)));
}
