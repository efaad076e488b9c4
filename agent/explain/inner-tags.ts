/**
 * VLAN tags that a kernel leaves in front of what a cooked header announces. The frame is read on trial with and without them,
 * and the reading whose IP header stands better is the one that counts.
 */
import type { FrameReader } from './frame-reader.ts';
import { ipv6Claim } from './ip-readers.ts';

const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100];

/** How well an IP header stands, and what says so. */
interface Standing {
  readonly rank: 0 | 1 | 2 | 3;
  readonly because: string;
}

const NO_HEADER: Standing = { rank: 0, because: '' };

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
    return standingOf(trial);
  });
  if (tagged!.rank <= plain!.rank) return at;
  for (let next = at; next < behind; next += 4) {
    const control = frame.u16(next);
    const says = `id ${control & 0xfff}, priority ${control >> 13}, left by the kernel in front of what it announces`;
    frame.say(next, `${says}: behind it ${tagged!.because}`, 'inner VLAN');
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

/** Of the outermost IP header that was read. */
function standingOf(frame: FrameReader): Standing {
  const header = frame.steps.find(({ layer }) => layer === 'IPv4' || layer === 'IPv6');
  if (header === undefined) return NO_HEADER;
  return header.layer === 'IPv4' ? standingOfIpv4(frame, header.offset) : standingOfIpv6(frame, header.offset);
}

function standingOfIpv4(frame: FrameReader, ip: number): Standing {
  const headerBytes = (frame.u8(ip) & 15) * 4;
  const total = frame.u16(ip + 2);
  const left = frame.wire - ip;
  const isPossible = headerBytes <= left && total <= left && (total === 0 || total >= headerBytes);
  if (isPossible && hasRightChecksum(frame, ip, headerBytes)) {
    return { rank: 3, because: 'is an IPv4 header with the right checksum' };
  }
  return isPossible && total > 0 ? ofLength('IPv4', total, left) : NO_HEADER;
}

function standingOfIpv6(frame: FrameReader, ip: number): Standing {
  const left = frame.wire - ip;
  const bytes = ipv6Claim(frame, ip).claimed ?? left;
  return bytes > left ? NO_HEADER : ofLength('IPv6', bytes, left);
}

function ofLength(version: string, bytes: number, left: number): Standing {
  if (bytes === left) return { rank: 2, because: `is an ${version} packet that ends where the frame does` };
  return { rank: 1, because: `is an ${version} header whose length fits the frame` };
}

function hasRightChecksum(frame: FrameReader, ip: number, headerBytes: number): boolean {
  if (!frame.holds(ip, headerBytes)) return false;
  const words = Array.from({ length: headerBytes / 2 }, (_, index) => frame.u16(ip + 2 * index));
  return words.reduce((sum, word) => sum + word, 0) % 0xffff === 0;
}
