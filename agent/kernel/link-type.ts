/** Which decoders the kernel has, too. That of NFLOG is not worth it: what a packet filter logs is little, and read elsewhere. */
import { decodeLinuxSll, decodeLinuxSll2 } from '../packet/cooked.ts';
import {
  type Decoder,
  decodeEthernet,
  decodeIpv4Frame,
  decodeIpv6Frame,
  decodeNull,
  decodeRaw,
} from '../packet/decode.ts';
import { LINK_ETHERNET, LINK_IPV4, LINK_IPV6, LINK_NULL, LINK_RAW, LINK_SLL, LINK_SLL2 } from './layout.ts';

const LINKS: ReadonlyMap<Decoder, number> = new Map([
  [decodeEthernet, LINK_ETHERNET],
  [decodeNull, LINK_NULL],
  [decodeRaw, LINK_RAW],
  [decodeIpv4Frame, LINK_IPV4],
  [decodeIpv6Frame, LINK_IPV6],
  [decodeLinuxSll, LINK_SLL],
  [decodeLinuxSll2, LINK_SLL2],
]);

/** The kernel's number for what a decoder decodes, or undefined. */
export function kernelLink(decode: Decoder): number | undefined {
  return LINKS.get(decode);
}
