/** The packets of each line of the ledger that a command prints to standard error, by the line's label. */
export function ledgerPackets(stderr: string): Record<string, number> {
  const packets: Record<string, number> = {};
  for (const [, label, count] of stderr.matchAll(/^[ =+]\s+(\S.*?)\s+([\d,]+) packets?\b/gm)) {
    packets[label!] = Number(count!.replaceAll(',', ''));
  }
  return packets;
}
