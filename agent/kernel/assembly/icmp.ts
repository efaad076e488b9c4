/** Type and code of ICMP in the word of the ports: packet/icmp.ts. */
import { ICMP, PORTS, PROTOCOL_AND_FLAGS } from '../../packet/key-row';
import { rowOf } from './row';

const ICMPV4: u32 = 1;
const ICMPV6: u32 = 58;

export const ICMP_KNOWN: u32 = 0x1_0000;

export function isIcmp(protocol: u32): bool {
  return protocol === ICMPV4 || protocol === ICMPV6;
}

/** Makes type and code part of the keys of the first `count` members of a list. */
export function keyByIcmp(members: usize, count: i32): void {
  for (let member = 0; member < count; member++) {
    const row = rowOf(members, member);
    if (isIcmp(load<u8>(row, PROTOCOL_AND_FLAGS * 4))) store<u32>(row, load<u32>(row, ICMP * 4), PORTS * 4);
  }
}
