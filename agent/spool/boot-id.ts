import { readFileSync } from 'node:fs';

export const UNKNOWN_BOOT = '-';

/**
 * Names the present boot, as /proc/sys/kernel/random/boot_id has it. A sandbox may show processes and nothing else of /proc
 * (systemd's ProcSubset=pid): then it is what the unit says in BOOT_ID (`%b`, without dashes), or not known.
 */
export function readBootId(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    const digits = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(
      environment['BOOT_ID'] ?? '',
    );
    return digits === null ? UNKNOWN_BOOT : digits.slice(1).join('-');
  }
}
