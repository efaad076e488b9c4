/**
 * Type and code of ICMP and ICMPv6 as part of the flow key, for flow logs whose records show them.
 *
 * They take the word of the ports, which these protocols have not. One bit says that they are known, because an echo reply
 * is type 0, code 0; of later fragments and cut headers they are not, and the word is 0:
 *
 *     31 .. 17   16      15 .. 8   7 .. 0
 *     0          known   type      code      (the lower half as in IPFIX: icmpTypeCodeIPv4, icmpTypeCodeIPv6)
 */
import { ICMP, PORTS, PROTOCOL_AND_FLAGS } from './key-row.ts';

const ICMPV4 = 1;
const ICMPV6 = 58;

export const ICMP_KNOWN = 0x1_0000;

/** Whether packets of the protocol begin with an ICMP type and code. */
export function isIcmp(protocol: number): boolean {
  return protocol === ICMPV4 || protocol === ICMPV6;
}

/** Makes type and code part of the keys of the first `count` of `members` (word offsets of rows). */
export function keyByIcmp(rows: Int32Array, members: Int32Array, count: number): void {
  for (let member = 0; member < count; member++) {
    const row = members[member]!;
    if (isIcmp(rows[row + PROTOCOL_AND_FLAGS]! & 0xff)) rows[row + PORTS] = rows[row + ICMP]!;
  }
}
