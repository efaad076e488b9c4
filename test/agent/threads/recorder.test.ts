import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClosedWindowMessage, ReleaseMessage } from '../../../agent/model/closed-window.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import { type RecorderMessage, type RecorderSetup, recordWindows } from '../../../agent/threads/recorder.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { closedWindow, fillIpv4 } from '../../support/closed-windows.ts';

let folder: string;
let dataPlane: MessagePort;
let messages: RecorderMessage[];
let released: number[];
const mapped = new Set<ArrayBuffer>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowlogd-recorder-'));
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
};

function table(flows: number) {
  return { family: 4 as const, fileDescriptor: flows, bytes: 4096, copy: undefined };
}

function start(options: Partial<RecorderSetup> = {}): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  dataPlane = port1;
  const own = released;
  dataPlane.on('message', ({ id }: ReleaseMessage) => own.push(id));
  const setup = {
    hostId: 'host-1',
    runId: 'run-1',
    folder,
    nextSequence: 7,
    heldWindowsMax: 4,
    heldBytesMax: 1e6,
    topRecords: 2,
    flushMs: 100,
    ...options,
  };
  return recordWindows(setup, nodeDisk, mapper, port2, (message) => messages.push(message));
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
  const files = readdirSync(folder).sort();
  expect(
    messages.flatMap((message) => (message.kind === 'durable' ? message.entries.map(({ name }) => name) : [])),
  ).toEqual(files);
  const reader = new FlowBatchReader(readFileSync(join(folder, files[0]!)).subarray(32));
  expect(reader.header).toMatchObject({
    hostId: 'host-1',
    runId: 'run-1',
    flowLogId: 'fl-1',
    accountId: '1251762227',
    windowStart: 60,
  });
  expect([files[0]!.slice(0, 12), reader.records]).toEqual(['000000000007', 3]);
});

test('a table that lived on the heap comes as a copy and needs no mapping', async () => {
  const ended = start();
  const words = new Int32Array(64);
  fillIpv4(words, 2);
  send({
    kind: 'closed',
    window: closedWindow(1, 60, 2, [{ family: 4, fileDescriptor: -1, bytes: 256, copy: words }]),
  });
  send({ kind: 'end' });
  await ended;
  expect(messages[0]).toMatchObject({ kind: 'durable', records: 2 });
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
  nodeDisk.makeFolder(folder);
  send({ kind: 'end' });
  await ended;
  expect(messages.map(({ kind }) => kind)).toEqual(['failing', 'waiting', 'well', 'durable', 'durable', 'ended']);
});
