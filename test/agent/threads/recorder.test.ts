import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClosedWindowMessage, ReleaseMessage } from '../../../agent/model/closed-window.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import type { RecordAnnotator } from '../../../agent/model/record-annotator.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import { SPOOL_HEADER_BYTES } from '../../../agent/spool/spool-file.ts';
import { sinkFolder } from '../../../agent/spool/spool-layout.ts';
import type { AnnotatorsOf } from '../../../agent/threads/annotators.ts';
import { type RecorderMessage, type RecorderSetup, recordWindows } from '../../../agent/threads/recorder.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { closedWindow, fillIpv4 } from '../../support/closed-windows.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';
import { journalIn } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';

const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;
const FRAME = ethernet(
  {},
  ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 }, udp({ sourcePort: 1, destinationPort: 2 })),
);

let folder: string;
let sink: string;
let dataPlane: MessagePort;
let messages: RecorderMessage[];
let released: number[];
const mapped = new Set<ArrayBuffer>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowlogd-recorder-'));
  sink = sinkFolder(folder, 'cls');
  nodeDisk.makeFolder(sink);
  messages = [];
  released = [];
  mapped.clear();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** File descriptor n is a table of n flows. */
const mapper = {
  map(fileDescriptor: number, bytes: number): ArrayBuffer {
    if (fileDescriptor === 13) throw Object.assign(new Error('no memory'), { code: 'ENOMEM' });
    const buffer = new ArrayBuffer(bytes);
    fillIpv4(new Int32Array(buffer), fileDescriptor);
    mapped.add(buffer);
    return buffer;
  },
  unmap(buffer: ArrayBuffer): void {
    expect(mapped.delete(buffer)).toBe(true);
  },
  adopt(promise: number): ArrayBuffer {
    return this.map(promise, 4096);
  },
};

function table(flows: number) {
  return { family: 4 as const, pages: { kind: 'file' as const, fileDescriptor: flows, offset: 0 }, bytes: 4096 };
}

function start(
  options: Partial<RecorderSetup & { nextSequence: number }> = {},
  annotatorsOf: AnnotatorsOf = () => [],
): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  dataPlane = port1;
  const own = released;
  dataPlane.on('message', ({ id }: ReleaseMessage) => own.push(id));
  const setup = {
    hostId: 'host-1',
    runId: 'run-1',
    folder,
    sinks: ['cls'],
    tablesFolders: [],
    nextSequence: 7,
    points: [],
    heldWindowsMax: 4,
    heldBytesMax: 1e6,
    regions: [],
    topRecords: 2,
    hashSeed: new Int32Array(19),
    flushMs: 100,
    ...options,
  };
  return recordWindows(setup, nodeDisk, mapper, port2, (message) => messages.push(message), annotatorsOf);
}

function send(message: ClosedWindowMessage): void {
  dataPlane.postMessage(message);
}

test('windows from the data plane become durable, are released, and are told with their files and largest flows', async () => {
  const ended = start();
  send({ kind: 'closed', window: closedWindow(1, 60, 3, [table(3)]) });
  send({ kind: 'closed', window: closedWindow(2, 120, 0, []) });
  send({ kind: 'end' });
  await ended;
  await expect.poll(() => released).toEqual([1, 2]);
  expect(mapped.size).toBe(0);
  expect(messages.map(({ kind }) => kind)).toEqual(['durable', 'durable', 'ended']);
  expect(messages[0]).toMatchObject({
    point: { interfaceId: 'eni-1' },
    windowStart: 60,
    records: 3,
    top: { records: 3, packets: 6, largest: [{ packets: 3 }, { packets: 2 }] },
    status: { counters: { windows: 1, records: 3 }, waiting: 0 },
  });
  expect(messages[2]).toMatchObject({ complete: true });
  const files = readdirSync(sink).sort();
  expect(
    messages.flatMap((message) => (message.kind === 'durable' ? message.entries.map(({ name }) => name) : [])),
  ).toEqual(files);
  const reader = new FlowBatchReader(readFileSync(join(sink, files[0]!)).subarray(SPOOL_HEADER_BYTES));
  expect(reader.header).toMatchObject({
    hostId: 'host-1',
    runId: 'run-1',
    flowLogId: 'fl-1',
    accountId: '1251762227',
    windowStart: 60,
  });
  expect([files[0]!.slice(0, 12), reader.records]).toEqual(['000000000007', 3]);
});

test('a flow log of what was rejected ships that alone, as the fields it records, and its ledger counts the rest', async () => {
  const rejectOdd: RecordAnnotator = {
    begin: () => undefined,
    annotate(record) {
      if (record.packets % 2 === 0) return;
      record.annotations.action = 'REJECT';
      record.isAnnotated = true;
    },
  };
  const ended = start({}, () => [rejectOdd]);
  const window = closedWindow(1, 60, 3, [table(3)]);
  const row = { resourceType: 'NAT', fields: ['srcaddr', 'vpc-id'], constants: { 'vpc-id': 'vpc-1' } } as const;
  const point = { ...window.point, flowLog: { ...window.point.flowLog, ...row, trafficType: 'REJECT' } } as const;
  send({ kind: 'closed', window: { ...window, point } });
  send({ kind: 'end' });
  await ended;
  const [file = ''] = readdirSync(sink);
  const reader = new FlowBatchReader(readFileSync(join(sink, file)).subarray(SPOOL_HEADER_BYTES));
  expect(reader.header).toMatchObject(row);
  const packets: number[] = [];
  for (const record = createFlowRecord(); reader.next(record); ) packets.push(record.packets);
  expect(packets).toEqual([1, 3]);
  expect(reader.ledger?.metered.packets).toBe(6);
});

test('a table that lived on the heap comes as a copy and needs no mapping', async () => {
  const ended = start();
  const words = new Int32Array(64);
  fillIpv4(words, 2);
  send({
    kind: 'closed',
    window: closedWindow(1, 60, 2, [{ family: 4, pages: { kind: 'copied', words }, bytes: 256 }]),
  });
  send({ kind: 'end' });
  await ended;
  expect(messages[0]).toMatchObject({ kind: 'durable', records: 2 });
});

test('a table in memory is adopted when its window comes, and given back though the window was evicted unread', async () => {
  const shared = (promise: number) => ({ ...table(0), pages: { kind: 'shared' as const, promise } });
  const ended = start({ heldWindowsMax: 1, flushMs: 20 });
  rmSync(sink, { recursive: true });
  for (const id of [1, 2, 3]) send({ kind: 'closed', window: closedWindow(id, id * 60, id, [shared(id)]) });
  send({ kind: 'end' });
  await ended;
  expect(messages.map(({ kind }) => kind)).toEqual(['failing', 'evicted', 'waiting', 'evicted', 'waiting', 'ended']);
  expect(released).toEqual([1, 2]);
  expect(mapped.size).toBe(1);
});

test('a window that cannot be written or mapped waits, is told, and the end does not wait for ever', async () => {
  const ended = start({ flushMs: 20 });
  send({ kind: 'closed', window: closedWindow(1, 60, 1, [table(13)]) });
  send({ kind: 'end' });
  await ended;
  expect(messages.map((message) => ('code' in message ? message.code : message.kind))).toEqual([
    'memory.exhausted',
    'ended',
  ]);
  expect(messages[1]).toMatchObject({ complete: false, status: { waiting: 1 } });
  expect(released).toEqual([]);
});

test('a data plane that dies without a word ends the recorder, with what it handed over durable', async () => {
  const ended = start();
  send({ kind: 'closed', window: closedWindow(1, 60, 3, [table(3)]) });
  dataPlane.close();
  await ended;
  expect(messages.map(({ kind }) => kind)).toEqual(['durable', 'ended']);
});

test('a folder that went away is said once, and said again when it is back', async () => {
  const ended = start({ flushMs: 5000 });
  rmSync(folder, { recursive: true });
  send({ kind: 'closed', window: closedWindow(1, 60, 1, [table(1)]) });
  send({ kind: 'closed', window: closedWindow(2, 120, 1, [table(1)]) });
  await expect.poll(() => messages.length).toBe(2);
  expect(messages[1]).toMatchObject({ kind: 'waiting', status: { waiting: 2 } });
  expect(messages[0]).toMatchObject({ kind: 'failing', code: 'spool.unusable', status: { heldBytes: 4096 } });
  nodeDisk.makeFolder(sink);
  send({ kind: 'end' });
  await ended;
  expect(messages.map(({ kind }) => kind)).toEqual(['failing', 'waiting', 'well', 'durable', 'durable', 'ended']);
});

describe('windows that earlier runs left open', () => {
  let tables: string;
  beforeEach(() => {
    tables = mkdtempSync(join(tmpdir(), 'flowlogd-tables-'));
  });
  afterEach(() => rmSync(tables, { recursive: true, force: true }));

  /** A window of one packet, of a run that is gone. */
  async function leftWindow(runId: string, seconds: number): Promise<void> {
    const tap = new TappedInterface({ journal: journalIn({ folder: tables, runId, ruleNames }), clock: { seconds } });
    tap.tap.attach();
    tap.engine.newest.waiting = [{ seconds, bytes: FRAME }];
    await tap.round(seconds);
  }
  const runsInSpool = () =>
    readdirSync(sink)
      .sort()
      .map((name) => new FlowBatchReader(readFileSync(join(sink, name)).subarray(SPOOL_HEADER_BYTES)))
      .map(({ header, records }) => [header.runId, header.windowStart, header.part, records]);
  const kept = () => readdirSync(tables).filter((name) => !name.endsWith('.seen'));

  test('become durable under their old names, oldest first, and their files go', async () => {
    await leftWindow('run7', 660);
    await leftWindow('run6', 600);
    const ended = start({ tablesFolders: [tables] });
    await expect.poll(() => messages.map(({ kind }) => kind)).toEqual(['durable', 'durable', 'recovered']);
    expect(messages[2]).toMatchObject({ recovery: { windows: 2, records: 2, packets: 2, quarantined: 0 } });
    send({ kind: 'end' });
    await ended;
    expect(runsInSpool()).toEqual([
      ['run6', 600, 0, 1],
      ['run7', 660, 0, 1],
    ]);
    expect(kept()).toEqual([]);
  });

  test('keep their identity when their recovery is killed and comes again', async () => {
    await leftWindow('run6', 600);
    const copy = `${tables}-copy`;
    cpSync(tables, copy, { recursive: true });
    for (const tablesFolder of [tables, copy]) {
      const ended = start({ tablesFolders: [tablesFolder], nextSequence: tablesFolder === copy ? 100 : 0 });
      send({ kind: 'end' });
      await ended;
    }
    rmSync(copy, { recursive: true });
    const contents = readdirSync(sink).map((name) => readFileSync(join(sink, name)).subarray(SPOOL_HEADER_BYTES));
    expect(contents.length).toBe(2);
    expect(contents[0]).toEqual(contents[1]);
  });

  test('wait with their files while the spool cannot be written, and the next start has them', async () => {
    await leftWindow('run6', 600);
    const before = kept().sort();
    rmSync(folder, { recursive: true });
    const ended = start({ tablesFolders: [tables], flushMs: 20 });
    send({ kind: 'end' });
    await ended;
    expect(messages.map(({ kind }) => kind)).toEqual(['failing', 'ended']);
    expect(kept().sort()).toEqual(before);
    nodeDisk.makeFolder(sink);
    const again = start({ tablesFolders: [tables] });
    send({ kind: 'end' });
    await again;
    expect(runsInSpool()).toEqual([['run6', 600, 0, 1]]);
  });

  test('that cannot be believed are told by file', async () => {
    await leftWindow('run6', 600);
    const own = kept().find((name) => name.endsWith('.window'))!;
    writeFileSync(join(tables, own), 'not a window');
    const ended = start({ tablesFolders: [tables] });
    send({ kind: 'end' });
    await ended;
    expect(messages.map(({ kind }) => kind)).toEqual(['quarantined', 'recovered', 'ended']);
    expect(messages[0]).toMatchObject({ file: own, reason: 'it is cut short' });
  });
});

test('the files of a window go when it is durable, not before', async () => {
  const files = ['w.window', 'w.window-1'].map((name) => join(folder, name));
  for (const path of files) writeFileSync(path, '');
  const spool = join(folder, 'spool');
  const ended = start({ folder: spool, flushMs: 5000 });
  send({ kind: 'closed', window: { ...closedWindow(1, 60, 1, [table(1)]), files, revision: 2 } });
  await expect.poll(() => messages.length).toBe(1);
  for (const path of files) expect(existsSync(path)).toBe(true);
  nodeDisk.makeFolder(sinkFolder(spool, 'cls'));
  send({ kind: 'end' });
  await ended;
  for (const path of files) expect(existsSync(path)).toBe(false);
  const [name] = readdirSync(sinkFolder(spool, 'cls'));
  expect(
    new FlowBatchReader(readFileSync(join(sinkFolder(spool, 'cls'), name!)).subarray(SPOOL_HEADER_BYTES)).header.part,
  ).toBe(2 * 65_536);
});
