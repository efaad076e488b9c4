/** Terms that the ledger has where they have packets; where nothing could be read there is none at all. */
const LEFT_OUT_AT_ZERO = {
  ...{ offered: 0, metered: 0, excluded: 0, 'not IP': 0, malformed: 0, overflowed: 0 },
  ...{ 'dropped by kernel': 0, 'dropped by interface': 0 },
};

/** The packets of each line of the ledger that a command prints to standard error, by the line's label; 0 for what it leaves out. */
export function ledgerPackets(stderr: string): Record<string, number> {
  const packets: Record<string, number> = { ...LEFT_OUT_AT_ZERO };
  for (const [, label, count] of stderr.matchAll(/^[ =+]\s+(\S.*?)\s+([\d,]+) packets?\b/gm)) {
    packets[label!] = Number(count!.replaceAll(',', ''));
  }
  return packets;
}
