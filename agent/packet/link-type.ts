import { decodeLinuxSll, decodeLinuxSll2 } from './cooked.ts';
import type { Decoder } from './decode.ts';
import { decodeEthernet, decodeIpv4Frame, decodeIpv6Frame, decodeNull, decodeRaw } from './decode.ts';
import { decodeNflog } from './nflog.ts';

/**
 * The link types whose packets can be metered, by LINKTYPE_ value (https://www.tcpdump.org/linktypes.html). 12 and 14 are
 * RAW as it was numbered on other systems.
 */
const DECODERS: ReadonlyMap<number, Decoder> = new Map([
  [0, decodeNull],
  [1, decodeEthernet],
  [12, decodeRaw],
  [14, decodeRaw],
  [101, decodeRaw],
  [108, decodeNull],
  [113, decodeLinuxSll],
  [228, decodeIpv4Frame],
  [229, decodeIpv6Frame],
  [239, decodeNflog],
  [276, decodeLinuxSll2],
]);

/** The decoder for a link type, or undefined for a link type that flowlogd does not know. */
export function decoderFor(linkType: number): Decoder | undefined {
  return DECODERS.get(linkType);
}
