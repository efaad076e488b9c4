import type { FindingEvent } from '../../detect/finding.ts';

/** One line for people: `finding opened: scan-ports (medium) srcaddr=10.0.0.9 dstaddr=10.0.0.1, ports 120; flowlogd findings show 0123456789abcdef`. */
export function eventLine({ change, finding }: FindingEvent): string {
  const { id, rule, severity, subject, figures } = finding;
  const about = Object.entries(subject).map(([name, value]) => `${name}=${value}`);
  const counted = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  return `finding ${change}: ${rule} (${severity}) ${about.join(' ')}, ${counted.join(', ')}; flowlogd findings show ${id}`;
}
