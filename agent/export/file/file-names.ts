/**
 * How the files in the folder of a sink are called. The first batch names a pair of files, so a name is the same whenever that batch is
 * written, and no two hosts make the same one; the time stands first, so names sort by it.
 *
 *     20261201T044700Z_fl-1a2b3c4d_5D3F0A9C27E1B640-0.flows.ndjson            complete
 *     20261201T044700Z_fl-1a2b3c4d_5D3F0A9C27E1B640-0.ledger.ndjson
 *     20261201T045200Z_fl-1a2b3c4d_11C09E53F2A7D8B4-0.flows.ndjson.partial    being written
 */
import type { BatchHeader } from '../../model/batch-id.ts';

export const FILE_FORMATS = ['ndjson', 'text'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Flows in the format of the sink; ledgers are lines of JSON in any. */
export const PARTS = ['flows', 'ledger'] as const;
export type Part = (typeof PARTS)[number];

export const MANIFEST = '.flowlogd.manifest';
export const LOCK = '.flowlogd.lock';

const EXTENSION = { ndjson: 'ndjson', text: 'log' } as const;
const FLOW_LOG_BYTES_MAX = 64;
const OWN =
  /^\d{8}T\d{6}Z_[\w-]+_[0-9A-F]+-[0-9A-F]+(?:-\d+)?\.(?:flows\.(?:ndjson|log|parquet)|ledger\.ndjson)\.(?:partial|new)$/;

export function stemOf({ flowLogId, windowStart }: BatchHeader, identity: string): string {
  const flowLog = flowLogId.replace(/[^\w-]/g, '_').slice(0, FLOW_LOG_BYTES_MAX) || '_';
  return `${timeText(windowStart)}_${flowLog}_${identity}`;
}

export function completeName(stem: string, part: Part, format: FileFormat): string {
  return `${stem}.${part}.${part === 'ledger' ? 'ndjson' : EXTENSION[format]}`;
}

export function partialName(stem: string, part: Part, format: FileFormat): string {
  return `${completeName(stem, part, format)}.partial`;
}

/** Whether this sink made a file of this name that is not complete. */
export function isOwnPartial(name: string): boolean {
  return OWN.test(name);
}

/** Windows of strange savefiles begin in any year: those that have no four digits are called by a year that has. */
function timeText(seconds: number): string {
  const date = new Date(Math.min(Math.max(seconds, 0), 253_402_300_799) * 1000);
  return date.toISOString().replace(/[-:]|\.\d+/g, '');
}
