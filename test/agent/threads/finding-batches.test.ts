import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { beforeEach, describe, expect, test } from 'vitest';
import { FINDINGS_OF_BATCH_MAX, type FindingRecord } from '../../../agent/model/finding-record.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import { SPOOL_HEADER_BYTES } from '../../../agent/spool/spool-file.ts';
import { sinkFolder } from '../../../agent/spool/spool-layout.ts';
import { SpoolWriter } from '../../../agent/spool/spool-writer.ts';
import { type DurableFindings, FindingBatches, recordFindings } from '../../../agent/threads/finding-batches.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { FINDING } from '../../support/finding-records.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const SINKS = ['one', 'other'];
let folder: string;
let durable: DurableFindings[];
let retries: (() => void)[];
beforeEach(() => {
  folder = temporaryFolder();
  for (const sink of SINKS) mkdirSync(sinkFolder(folder, sink), { recursive: true });
  [durable, retries] = [[], []];
});

function options() {
  const writer = new SpoolWriter({ disk: nodeDisk, folder, sinks: SINKS, nextSequence: 7, now: Date.now });
  const after = (_: number, call: () => void) => {
    retries.push(call);
    return () => void retries.splice(retries.indexOf(call), 1);
  };
  const onDurable = (written: DurableFindings) => void durable.push(written);
  return { hostId: 'host-1', runId: 'run-1', writer, sinks: SINKS, after, onDurable };
}

const findings = (count: number, at = FINDING.at): FindingRecord[] =>
  Array.from({ length: count }, (_, index) => ({ ...FINDING, at, uid: `${at}-${index}` }));

function batchesOf(sink: string): FlowBatchReader[] {
  const files = readdirSync(sinkFolder(folder, sink)).sort();
  return files.map(
    (name) => new FlowBatchReader(readFileSync(join(sinkFolder(folder, sink), name)).subarray(SPOOL_HEADER_BYTES)),
  );
}

describe('findings on their way to the sinks', () => {
  test('are durable for each sink, in batches of one time and of limited size', () => {
    const batches = new FindingBatches(options());
    batches.add([...findings(FINDINGS_OF_BATCH_MAX + 1), ...findings(2, FINDING.at + 60)]);
    for (const sink of SINKS) {
      const written = batchesOf(sink);
      expect(written.map((batch) => batch.findings.length)).toEqual([FINDINGS_OF_BATCH_MAX, 1, 2]);
      expect(written.map(({ header }) => [header.part, header.windowStart])).toEqual([
        [0, FINDING.at],
        [1, FINDING.at],
        [2, FINDING.at + 60],
      ]);
    }
    expect(durable.flatMap(({ uids }) => uids)).toHaveLength(FINDINGS_OF_BATCH_MAX + 3);
    expect(durable.map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  });

  test('are tried again where the disk refuses them', () => {
    rmSync(folder, { recursive: true });
    const batches = new FindingBatches(options());
    batches.add(findings(1));
    batches.add(findings(1, FINDING.at + 1));
    expect([durable, retries.length]).toEqual([[], 1]);
    for (const sink of SINKS) mkdirSync(sinkFolder(folder, sink), { recursive: true });
    retries[0]!();
    expect(batchesOf('other').map((batch) => batch.findings.length)).toEqual([1, 1]);
    expect(retries).toEqual([]);
  });

  test('are for no sink that a flow log leaves out', () => {
    const batches = new FindingBatches(options());
    batches.observes({});
    batches.observes({ sinks: ['other', 'former'] });
    batches.observes({ sinks: ['former'] });
    batches.add(findings(1));
    expect(SINKS.map((sink) => batchesOf(sink).length)).toEqual([0, 1]);
    batches.observes({ sinks: ['one'] });
    batches.add(findings(1, FINDING.at + 1));
    expect(SINKS.map((sink) => batchesOf(sink).length)).toEqual([0, 1]);
    expect(durable.map(({ entries, uids }) => [entries.length, uids.length])).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });

  test('come over a port', async () => {
    const { port1, port2 } = new MessageChannel();
    const batches = recordFindings(port2, options());
    port1.postMessage(findings(2));
    await expect.poll(() => durable.length).toBe(1);
    batches.stop();
    port2.close();
    expect(batchesOf('one')[0]!.findings).toEqual(findings(2));
  });
});
