import type { StoredLog } from './log-service-process.ts';
import { canonicalAddress } from './ndjson-records.ts';
import { addCount, type Counts, type FlowKey } from './traffic.ts';

export const isFlow = (log: StoredLog): boolean => log['srcaddr'] !== undefined;
export const isLedger = (log: StoredLog): boolean => log['ledger-status'] !== undefined;

export function flowOf(log: StoredLog): FlowKey {
  const [source, destination] = [log['srcaddr'], log['dstaddr']].map((text) => canonicalAddress(String(text)));
  return `${source} ${destination} ${log['srcport']} ${log['dstport']} ${log['protocol']}`;
}

/** The flows of the logs, added up over their windows. */
export function countsOf(logs: readonly StoredLog[]): Counts {
  const counts: Counts = new Map();
  for (const log of logs.filter(isFlow)) addCount(counts, flowOf(log), Number(log['packets']), Number(log['bytes']));
  return counts;
}

/** A field of the ledgers, added up. */
export function ledgerSum(logs: readonly StoredLog[], field: string): number {
  return logs.filter(isLedger).reduce((sum, log) => sum + Number(log[field] ?? 0), 0);
}

function kindOf(log: StoredLog): string {
  if (isFlow(log)) return flowOf(log);
  if (isLedger(log)) return 'ledger';
  const peer = ['rule', 'srcaddr', 'dstaddr', 'protocol', 'port'].map((name) => log[`excluded-${name}`]);
  return `${log['log-status']} ${peer.join(' ')}`;
}

/** Rows of which there must be one only: a flow, an excluded peer, or a ledger, of a window. Answers those that there are twice. */
export function storedTwice(logs: readonly StoredLog[]): string[] {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const log of logs) {
    const row = `${log['interface-id']} ${log['start']} ${kindOf(log)}`;
    if (seen.has(row)) twice.push(row);
    seen.add(row);
  }
  return twice;
}
