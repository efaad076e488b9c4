/** A spool as an outage leaves it: windows of the time before now, written by the recorder's own code, and an account of them. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FLOW_LOG_DEFAULTS, ROW_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import { createLedger } from '../../agent/model/ledger.ts';
import { nodeDisk } from '../../agent/spool/disk.ts';
import { firstPartOf, Recorder } from '../../agent/spool/recorder.ts';
import { SPOOL_HEADER_BYTES } from '../../agent/spool/spool-file.ts';
import { sinkFolder } from '../../agent/spool/spool-layout.ts';
import { SpoolWriter } from '../../agent/spool/spool-writer.ts';
import { contextFlow } from '../../agent/wire/context-flow.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { cursorOver } from './flow-records.ts';
import type { LogServiceProcess } from './log-service-process.ts';

export const BACKLOG_INTERFACE = 'eni-backlog';

export interface BacklogShape {
  readonly windows: number;
  readonly windowSeconds: number;
  readonly flowsPerWindow: number;
  readonly recordsPerBatch: number;
}

/** What a window of the backlog holds. */
export interface WindowAccount {
  readonly start: number;
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface Backlog {
  readonly windows: readonly WindowAccount[];
  /** The logs of each batch, its ledger's included, by `contextFlow`. */
  readonly batches: ReadonlyMap<string, number>;
}

/** Fills the folder of a sink in an empty spool with the windows up to `untilSeconds`, under a clock that shows their time. */
export function writeBacklog(folder: string, shape: BacklogShape, untilSeconds: number): Backlog {
  const { windows, windowSeconds, recordsPerBatch } = shape;
  mkdirSync(sinkFolder(folder, 'cls'), { recursive: true, mode: 0o700 });
  const end = Math.floor(untilSeconds / windowSeconds) * windowSeconds;
  let nowSeconds = 0;
  const recorder = new Recorder({
    writer: new SpoolWriter({ disk: nodeDisk, folder, sinks: ['cls'], nextSequence: 0, now: () => nowSeconds * 1000 }),
    recordsMax: recordsPerBatch,
    heldWindowsMax: 1,
    heldBytesMax: Number.POSITIVE_INFINITY,
    after: () => () => undefined,
    events: {
      onDurable: () => undefined,
      onState: (failure) => {
        if (failure !== undefined) throw failure;
      },
      onEvicted: () => undefined,
    },
  });
  const accounts: WindowAccount[] = [];
  for (let window = 0; window < windows; window++) {
    const start = end - (windows - window) * windowSeconds;
    nowSeconds = start + windowSeconds + 1;
    accounts.push(addWindow(recorder, shape, start));
  }
  return { windows: accounts, batches: batchesIn(sinkFolder(folder, 'cls')) };
}

/** What the log service has of the backlog, by `contextFlow`: logs, and their places in the batch, of which no two have one. */
export async function storedBatches(
  service: LogServiceProcess,
): Promise<Map<string, { logs: number; places: number }>> {
  const rows = await service.query(
    `interface-id:${BACKLOG_INTERFACE} AND (version:* OR ledger-status:*) | ` +
      'select __PKGID__ as id, count(*) as logs, count(distinct __PKGLOGID__) as places group by 1 limit 10000',
  );
  return new Map(rows.map(({ id, logs, places }) => [String(id), { logs: Number(logs), places: Number(places) }]));
}

function addWindow(recorder: Recorder, shape: BacklogShape, start: number): WindowAccount {
  const { windowSeconds, flowsPerWindow } = shape;
  const records = Array.from({ length: flowsPerWindow }, (_, flow) => ({
    ...createFlowRecord(),
    source0: 0xc000_0200 + (flow % 256),
    destination0: 0xc633_6402,
    sourcePort: 1024 + flow,
    destinationPort: 443,
    protocol: 6,
    packets: flow + 1,
    bytes: 40 * (flow + 1) + (start % 1000),
  }));
  const packets = records.reduce((sum, record) => sum + record.packets, 0);
  const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
  const flowLog = { ...FLOW_LOG_DEFAULTS, id: 'fl-backlog', accountId: '-', windowSeconds };
  recorder.add({
    point: { flowLog, interfaceId: BACKLOG_INTERFACE, interfaceName: 'obs0' },
    header: {
      hostId: 'test-host',
      runId: 'earlier-run',
      flowLogId: flowLog.id,
      interfaceId: BACKLOG_INTERFACE,
      accountId: flowLog.accountId,
      windowStart: start,
      windowSeconds,
      ...ROW_DEFAULTS,
    },
    firstPart: firstPartOf(0),
    ledger: { ...createLedger([]), metered: { packets, bytes } },
    heldBytes: 0,
    records: () => cursorOver(records),
    forget: () => undefined,
    release: () => undefined,
  });
  return { start, flows: flowsPerWindow, packets, bytes };
}

function batchesIn(folder: string): Map<string, number> {
  const batches = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    const reader = new FlowBatchReader(readFileSync(join(folder, name)).subarray(SPOOL_HEADER_BYTES));
    batches.set(contextFlow(reader.header), reader.records + (reader.ledger === undefined ? 0 : 1));
  }
  return batches;
}
