/** Analyses of the catalogue that are observed while records arrive, too. */
export const RULE_NAMES = [
  'scan-ports',
  'scan-hosts',
  'syn-flood',
  'beacon',
  'exfiltration',
  'rejected-then-accepted',
  'unanswered',
  'refused',
  'one-sided',
  'fragments',
  'unreachable',
  'long-connection',
  'new-peer',
] as const;
export type RuleName = (typeof RULE_NAMES)[number];
