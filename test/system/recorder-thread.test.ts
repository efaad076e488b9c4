/** The recorder in its thread, over tables in memory that both threads have. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { nodeDisk } from '../../agent/spool/disk.ts';
import { SPOOL_HEADER_BYTES } from '../../agent/spool/spool-file.ts';
import { sinkFolder } from '../../agent/spool/spool-layout.ts';
import type { RecorderMessage } from '../../agent/threads/recorder.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { closedWindow, fillIpv4 } from '../support/closed-windows.ts';

const BUILT = new URL('../../dist/modules/agent/threads/start-recorder.js', import.meta.url);

test('records of a table that another thread filled reach the disk, many batches of them', async () => {
  expect(existsSync(BUILT), 'npm run build comes first').toBe(true);
  const { startRecorder } = (await import(BUILT.href)) as typeof import('../../agent/threads/start-recorder.ts');
  const addon = loadCaptureAddon();
  const flows = 10_000;
  const bytes = 4096 * 256;
  const buffer = addon.map(-1, bytes);
  fillIpv4(new Int32Array(buffer), flows);
  const folder = mkdtempSync(join(tmpdir(), 'flowlogd-recorder-'));
  nodeDisk.makeFolder(sinkFolder(folder, 'cls'));
  const { port1, port2 } = new MessageChannel();
  const messages: RecorderMessage[] = [];
  const released: unknown[] = [];
  port1.on('message', (message) => released.push(message));
  const setup = {
    hostId: 'host-1',
    runId: 'run-1',
    folder,
    sinks: ['cls'],
    tablesFolders: [],
    points: [],
    heldWindowsMax: 4,
    heldBytesMax: 1e8,
    regions: [],
    topRecords: 1,
    hashSeed: new Int32Array(19),
    flushMs: 1000,
  };
  const ended = startRecorder(setup, port2, Promise.resolve(0), (message) => messages.push(message));
  const pages = { kind: 'shared' as const, promise: addon.share(buffer) };
  const tables = [{ family: 4 as const, pages, bytes }];
  port1.postMessage({ kind: 'closed', window: closedWindow(1, 60, flows, tables) });
  port1.postMessage({ kind: 'end' });
  await ended;
  await expect.poll(() => released).toEqual([{ id: 1 }]);
  expect(messages).toMatchObject([
    { kind: 'durable', records: flows },
    { kind: 'ended', complete: true },
  ]);
  const sums = { files: 0, records: 0, packets: 0, ledgers: 0 };
  const sink = sinkFolder(folder, 'cls');
  for (const name of readdirSync(sink).sort()) {
    const reader = new FlowBatchReader(readFileSync(join(sink, name)).subarray(SPOOL_HEADER_BYTES));
    expect(reader.header.part).toBe(sums.files++);
    sums.ledgers += reader.ledger === undefined ? 0 : 1;
    sums.records += reader.records;
    for (const record = createFlowRecord(); reader.next(record); ) sums.packets += record.packets;
  }
  expect(sums).toEqual({ files: 3, records: flows, packets: (flows * (flows + 1)) / 2, ledgers: 1 });
  addon.unmap(buffer);
  port1.close();
  rmSync(folder, { recursive: true });
});
