/** Numbers of TCP that rules compare with. */
export const TCP = 6;
export const UDP = 17;

/** Of the field `tcp-flags`: a SYN, and no packet with anything else. */
export const SYN_ALONE = 2;

export function hasSyn(flags: number): boolean {
  return (flags & 2) !== 0;
}
