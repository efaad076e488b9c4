/**
 * VLAN tags that a kernel leaves in front of what a cooked header announces. The frame is read on trial with and without them,
 * and the reading whose IP header stands better is the one that counts.
 */
import type { FrameReader } from './frame-reader.ts';
import { ipv6Claim } from './ip-readers.ts';

const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100];

/** What speaks for a reading, by its rank: how well the outermost IP header stands. */
const BECAUSE = [
  'no IP header',
  'an IP header whose length fits the frame',
  'an IP packet that ends with the frame',
  'an IPv4 header with a valid checksum',
] as const;

/**
 * Reads the tags that stand at `at`; answers where what `type` announces begins.
 *
 * @param reread reads another reader of the frame from a byte to its end
 */
export function behindInnerTags(
  frame: FrameReader,
  type: number,
  at: number,
  reread: (trial: FrameReader, from: number) => void,
): number {
  const behind = behindTags(frame, type, at);
  if (behind === undefined) return at;
  const [plain, tagged] = [at, behind].map((from) => {
    const trial = frame.fresh();
    reread(trial, from);
    return rankOf(trial);
  });
  if (tagged! <= plain!) return at;
  for (let next = at; next < behind; next += 4) {
    const control = frame.u16(next);
    const says = `id ${control & 0xfff}, priority ${control >> 13}, left by the kernel`;
    frame.say(next, `${says}: followed by ${BECAUSE[tagged!]}`, 'inner VLAN');
  }
  return behind;
}

function behindTags(frame: FrameReader, type: number, at: number): number | undefined {
  for (let next = at; frame.holds(next, 4); next += 4) {
    const inner = frame.u16(next + 2);
    if (inner === type) return next + 4;
    if (!TAGS.includes(inner)) return undefined;
  }
  return undefined;
}

function rankOf(frame: FrameReader): number {
  const header = frame.steps.find(({ layer }) => layer === 'IPv4' || layer === 'IPv6');
  if (header === undefined) return 0;
  const { layer, offset: ip } = header;
  const left = frame.wire - ip;
  if (layer === 'IPv6') return lengthRank(ipv6Claim(frame, ip).claimed ?? left, left);
  const headerBytes = (frame.u8(ip) & 15) * 4;
  const total = frame.u16(ip + 2);
  if (headerBytes > left || total > left || (total !== 0 && total < headerBytes)) return 0;
  if (hasRightChecksum(frame, ip, headerBytes)) return 3;
  return total === 0 ? 0 : lengthRank(total, left);
}

function lengthRank(bytes: number, left: number): number {
  if (bytes > left) return 0;
  return bytes === left ? 2 : 1;
}

function hasRightChecksum(frame: FrameReader, ip: number, headerBytes: number): boolean {
  if (!frame.holds(ip, headerBytes)) return false;
  const words = Array.from({ length: headerBytes / 2 }, (_, index) => frame.u16(ip + 2 * index));
  return words.reduce((sum, word) => sum + word, 0) % 0xffff === 0;
}
