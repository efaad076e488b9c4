/** What earlier flowlogds left behind, as they wrote it (test/golden/README.md). */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const FOLDER = new URL('../golden/', import.meta.url).pathname;

/** The commit that wrote it, and its layouts. */
export interface Golden {
  readonly commit: string;
  readonly spoolVersion: 1 | 2;
  /** Where the batches are, below the state directory. */
  readonly batches: 'spool' | 'spool/sinks/cls';
  readonly tablesLayout: 1 | 2 | 3 | 4;
  readonly hasRegistry: boolean;
}

export const GOLDENS: readonly Golden[] = [
  { commit: 'c11c7ec', spoolVersion: 1, batches: 'spool', tablesLayout: 1, hasRegistry: false },
  { commit: '46f98db', spoolVersion: 1, batches: 'spool', tablesLayout: 2, hasRegistry: true },
  { commit: '331559f', spoolVersion: 1, batches: 'spool', tablesLayout: 3, hasRegistry: true },
  { commit: 'a4472ad', spoolVersion: 2, batches: 'spool', tablesLayout: 3, hasRegistry: true },
  { commit: '821045e', spoolVersion: 2, batches: 'spool', tablesLayout: 3, hasRegistry: true },
  { commit: 'eb988f1', spoolVersion: 2, batches: 'spool/sinks/cls', tablesLayout: 4, hasRegistry: true },
];

export const GOLDEN_FLOW_LOG = { id: 'fl-4n78s6fz', interfaceId: 'eni-golden', interfaceName: 'lo', windowSeconds: 5 };

/** What was sent over the loopback interface: packets and IP bytes of each flow. The second was in an open window at the end. */
export const GOLDEN_FLOWS = {
  spooled: { source: 40001, destination: 9999, packets: 3, bytes: 3 * 28 + 100 + 200 + 300 },
  open: { source: 40002, destination: 9998, packets: 4, bytes: 4 * (28 + 50) },
};

/** A copy of the state directory at that path. */
export function copyGoldenState(commit: string, to: string): void {
  cpSync(join(FOLDER, commit, 'state'), to, { recursive: true });
}

export function goldenStatus(commit: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, commit, 'status.json'), 'utf8'));
}

/** The database of the log service. */
export function goldenStore(commit: string): Buffer {
  return gunzipSync(readFileSync(join(FOLDER, commit, 'store/logs.duckdb.gz')));
}

export function goldenTopics(commit: string): string {
  return join(FOLDER, commit, 'store/topics.json');
}
