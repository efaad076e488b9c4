/** The decoders by link type (layout.ts); those of packet/link-type.ts, but for NFLOG, which TypeScript reads. */
import { LINK_ETHERNET, LINK_IPV4, LINK_IPV6, LINK_NULL, LINK_RAW, LINK_SLL } from '../layout';
import { decodeLinuxSll, decodeLinuxSll2 } from './cooked';
import { decodeEthernet, decodeIpv4, decodeIpv6, decodeNull, decodeRaw } from './decode';

export function decode(link: i32, at: usize, captured: u32, wire: u32, row: usize): i32 {
  if (link === LINK_ETHERNET) return decodeEthernet(at, captured, wire, row);
  if (link === LINK_RAW) return decodeRaw(at, captured, wire, row);
  if (link === LINK_SLL) return decodeLinuxSll(at, captured, wire, row);
  if (link === LINK_NULL) return decodeNull(at, captured, wire, row);
  if (link === LINK_IPV4) return decodeIpv4(at, 0, captured, wire, row);
  if (link === LINK_IPV6) return decodeIpv6(at, 0, captured, wire, row);
  return decodeLinuxSll2(at, captured, wire, row);
}
