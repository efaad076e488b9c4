/**
 * VLAN tags that a kernel leaves in front of what a cooked header announces. Both readings are told aside, with and without
 * them, and the one whose IP header stands better is the story.
 */
import { claimOf } from './ipv6.ts';
import type { Ending, Telling } from './story.ts';

const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100];

/** How well an IP header stands, and what says so. */
interface Standing {
  readonly rank: 0 | 1 | 2 | 3;
  readonly because: string;
}

/** Tells what `type` announces at `at`, for one telling of the frame. */
export type TellAnnounced = (telling: Telling, type: number, at: number) => Ending;

/** Tells the tags that stand at `at`; answers where what `type` announces begins. */
export function tellInnerTags(telling: Telling, type: number, at: number, tell: TellAnnounced): number {
  const behind = behindTags(telling, type, at);
  if (behind === undefined) return at;
  const [plain, tagged] = [at, behind].map((offset) => standingOf(telling, type, offset, tell));
  if (tagged!.rank <= plain!.rank) return at;
  for (let next = at; next < behind; next += 4) {
    const control = telling.u16(next);
    const says = `id ${control & 0xfff}, priority ${control >> 13}, left by the kernel in front of what it announces`;
    telling.say('inner VLAN', next, `${says}: behind it ${tagged!.because}`);
  }
  return behind;
}

function behindTags(telling: Telling, type: number, at: number): number | undefined {
  for (let next = at; telling.holds(next, 4); next += 4) {
    const inner = telling.u16(next + 2);
    if (inner === type) return next + 4;
    if (!TAGS.includes(inner)) return undefined;
  }
  return undefined;
}

function standingOf(telling: Telling, type: number, at: number, tell: TellAnnounced): Standing {
  const aside = telling.aside();
  tell(aside, type, at);
  const header = aside.steps.find(({ layer }) => layer === 'IPv4' || layer === 'IPv6');
  if (header === undefined) return { rank: 0, because: '' };
  return header.layer === 'IPv4' ? standingOfIpv4(aside, header.offset) : standingOfIpv6(aside, header.offset);
}

function standingOfIpv4(telling: Telling, ip: number): Standing {
  const headerBytes = (telling.u8(ip) & 15) * 4;
  const total = telling.u16(ip + 2);
  const left = telling.wire - ip;
  const isPossible = headerBytes <= left && total <= left && (total === 0 || total >= headerBytes);
  if (isPossible && hasRightChecksum(telling, ip, headerBytes)) {
    return { rank: 3, because: 'is an IPv4 header with the right checksum' };
  }
  return isPossible && total > 0 ? ofLength('IPv4', total, left) : { rank: 0, because: '' };
}

function standingOfIpv6(telling: Telling, ip: number): Standing {
  const left = telling.wire - ip;
  const bytes = claimOf(telling, ip).claimed ?? left;
  return bytes > left ? { rank: 0, because: '' } : ofLength('IPv6', bytes, left);
}

function ofLength(version: string, bytes: number, left: number): Standing {
  if (bytes === left) return { rank: 2, because: `is an ${version} packet that ends where the frame does` };
  return { rank: 1, because: `is an ${version} header whose length fits the frame` };
}

function hasRightChecksum(telling: Telling, ip: number, headerBytes: number): boolean {
  if (!telling.holds(ip, headerBytes)) return false;
  const words = Array.from({ length: headerBytes / 2 }, (_, index) => telling.u16(ip + 2 * index));
  return words.reduce((sum, word) => sum + word, 0) % 0xffff === 0;
}
