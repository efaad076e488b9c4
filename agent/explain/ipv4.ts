import { addressText } from '../record/endpoint.ts';
import { type Ending, hex, type Telling } from './story.ts';
import { protocolTitle, tellTransport } from './transport.ts';

/** RFC 791 section 3.1, as far as a flow record depends on it. */
export function tellIpv4(telling: Telling, ip: number): Ending {
  if (!telling.holds(ip, 20)) return telling.cut(ip, 'an IPv4 header', 20);
  const version = telling.u8(ip) >> 4;
  if (version !== 4) return telling.malformed(ip, `it is announced as IPv4 and says version ${version}`);
  const headerBytes = (telling.u8(ip) & 15) * 4;
  if (headerBytes < 20)
    return telling.malformed(ip, `the header says that it is ${headerBytes} bytes long, 20 is the least`);
  const [source, destination] = [telling.u32(ip + 12), telling.u32(ip + 16)];
  const protocol = telling.u8(ip + 9);
  telling.say(
    'IPv4',
    ip,
    `${addressText(4, [source])} > ${addressText(4, [destination])}, protocol ${protocolTitle(protocol)}, ` +
      `header of ${headerBytes} bytes, time to live ${telling.u8(ip + 8)}`,
  );
  const bytes = tellLength(telling, ip, headerBytes);
  if (typeof bytes !== 'number') return bytes;
  const isLater = tellFragment(telling, ip);
  const end = ip + Math.min(bytes, telling.captured - ip);
  const transport = tellTransport(telling, isLater ? undefined : protocol, ip + headerBytes, end);
  return { kind: 'key', family: 4, source: [source], destination: [destination], protocol, bytes, ...transport };
}

function tellLength(telling: Telling, ip: number, headerBytes: number): number | Ending {
  const total = telling.u16(ip + 2);
  const left = telling.wire - ip;
  if (total !== 0 && total < headerBytes) {
    return telling.malformed(ip + 2, `total length ${total} is less than the header's ${headerBytes} bytes`);
  }
  const bytes = total === 0 || total > left ? left : total;
  if (bytes < headerBytes) {
    return telling.malformed(ip, `the frame had ${left} bytes from here on, less than the header's ${headerBytes}`);
  }
  telling.say('length', ip + 2, `${bytes} bytes: ${lengthRule(total, left)}`);
  return bytes;
}

function lengthRule(total: number, left: number): string {
  if (total === 0) return 'the total length is 0 (segmentation offload), so the rest of the frame counts';
  if (total > left) return `the total length ${total} is more than the frame had, so the rest of the frame counts`;
  return total === left ? 'the total length' : `the total length; ${left - total} more are padding or a trailer`;
}

/** Answers whether it is a later fragment, which has no transport header. */
function tellFragment(telling: Telling, ip: number): boolean {
  const word = telling.u16(ip + 6);
  const offset = word & 0x1fff;
  const hasMore = (word & 0x2000) !== 0;
  if (offset === 0 && !hasMore) return false;
  const identification = `of packet ${hex(telling.u16(ip + 4))}`;
  if (offset === 0) telling.say('fragment', ip + 6, `the first ${identification}: it has the transport header`);
  else telling.say('fragment', ip + 6, `a later one ${identification}, from byte ${offset * 8} on: no ports, no flags`);
  return offset !== 0;
}
