const ID_CHARACTERS = 8;
const BASE = 36;

/** `fl-` and eight characters of base 36. @param random uniform in [0, 1) */
export function newFlowLogId(random: () => number): string {
  const characters = Array.from({ length: ID_CHARACTERS }, () => Math.floor(random() * BASE).toString(BASE));
  return `fl-${characters.join('')}`;
}
