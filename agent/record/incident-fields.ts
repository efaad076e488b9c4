/**
 * What the analysis of an incident asks and the documented rows do not say: which way a flow went, whether a connection was
 * made, refused or broken off, who began it, how sure that is, and how far the other side was.
 */
import type { ResourceType } from '../model/flow-log.ts';
import { fieldsOf, ROW_FORMATS } from './row-formats.ts';

export const INCIDENT_FIELDS = ['direction', 'tcp-flags', 'initiator', 'initiator-evidence', 'handshake-rtt'] as const;
/** Of a flow log that listens to the packet filter. */
const REJECT_RULE = 'reject-rule';

const ROWS = Object.keys(ROW_FORMATS) as readonly (keyof typeof ROW_FORMATS)[];

/** The fields that the documented row of the type lacks, and the row with them, as the option `fields` has it. */
export function incidentRow(resourceType: ResourceType, hasRejects: boolean): { missing: string[]; words: string[] } {
  const documented = fieldsOf(resourceType, []);
  const row = ROWS.find((name) => ROW_FORMATS[name] === documented)!;
  const missing = [...INCIDENT_FIELDS, ...(hasRejects ? [REJECT_RULE] : [])];
  return { missing, words: [row, ...missing] };
}
