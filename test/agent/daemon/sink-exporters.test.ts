/** From the words of a configuration to the services, with a kind of sink that is a row of this test's own table. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfiguration } from '../../../agent/config/load.ts';
import { renderExample } from '../../../agent/config/reference.ts';
import { SinkExporters } from '../../../agent/daemon/sink-exporters.ts';
import { openTargets } from '../../../agent/daemon/sink-targets.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import type { Spool } from '../../../agent/spool/spool.ts';
import { SpoolWriter } from '../../../agent/spool/spool-writer.ts';
import type { Log } from '../../../agent/telemetry/log.ts';
import { freeLock } from '../../support/free-lock.ts';
import { LINES } from '../../support/lines-sink.ts';
import { openSpool } from '../../support/open-spool.ts';
import { batchOf, identityOf } from '../../support/spool-batches.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NO_LOG: Log = { error() {}, warn() {}, info() {}, debug() {} };

let folder: string;
let spool: Spool;
let exporters: SinkExporters;
const servers: Server[] = [];

/** A service that keeps what it gets; answers its port and its lines. */
async function listen() {
  const lines: string[] = [];
  const server = createServer((socket) => {
    socket.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')));
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { port: (server.address() as AddressInfo).port, lines };
}

async function start(text: string): Promise<readonly string[]> {
  const readTextFile = () => ({ text: `${text}\nflowLogs: []\n`, mode: 0o600 });
  const sinkKinds = [...SINKS, LINES];
  const { configuration, sinkFiles } = loadConfiguration({
    path: 'f.yaml',
    environment: {},
    readTextFile,
    sinkKinds,
    zstd: false,
    readNamedFiles: true,
  });
  const { sinks } = await openTargets(
    { ...configuration, hostId: 'host', sinkFiles, findingRecords: true, stateDirectory: folder },
    {},
    NO_LOG,
  );
  const names = sinks.map(({ name }) => name);
  const events = { onEvicting() {}, onEvicted() {}, onQuarantined() {} };
  spool = openSpool({
    disk: nodeDisk,
    folder,
    sinks: names,
    bytesMax: 1e9,
    quarantineBytesMax: 1e9,
    now: Date.now,
    lock: freeLock,
    events,
  });
  exporters = new SinkExporters(sinks, (name) => spool.queue(name), NO_LOG);
  return names;
}

/** Makes a batch durable for some sinks of the spool, as the recorder does. */
function write(names: readonly string[], part: number, records: number, named?: readonly string[]): string {
  const writer = new SpoolWriter({
    disk: nodeDisk,
    folder,
    sinks: names,
    nextSequence: spool.nextSequence,
    now: Date.now,
  });
  const batch = batchOf(part, records);
  writer.stage(batch, named);
  spool.adopt(writer.commit());
  exporters.wake();
  return identityOf(batch);
}

const numbersOf = (name: string) => exporters.numbers().find((each) => each.name === name)!;

beforeEach(() => {
  folder = join(temporaryFolder(), 'spool');
});
afterEach(async () => {
  await exporters.stop(10);
  await exporters.close();
  spool.close();
  for (const server of servers.splice(0)) server.close();
});

describe('a made-up kind of sink', () => {
  test('delivers batches, cut to its limits, and nothing else knows of it', async () => {
    const { port, lines } = await listen();
    const names = await start(`sinks: { made: { type: lines, port: ${port}, recordsMax: 2 } }`);
    write(names, 0, 4);
    await vi.waitFor(() => expect(numbersOf('made')).toMatchObject({ sentBatches: 1, pendingBatches: 0 }), 10_000);
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['2', '2']);
  });

  test('is in the reference with its rows', () => {
    expect(renderExample([LINES])).toMatch(/^ {2}#lines:\n {4}#type: lines\n {4}# On loopback\./m);
  });
});

describe('several sinks', () => {
  test('are delivered to each in its own time: one that is down delays no other', async () => {
    const [one, other] = [await listen(), await listen()];
    servers[1]!.close();
    const names = await start(
      `sinks: { up: { type: lines, port: ${one.port} }, down: { type: lines, port: ${other.port} } }`,
    );
    const written = [write(names, 0, 4), write(names, 1, 4)];
    await vi.waitFor(() => expect(one.lines.map((line) => line.split(' ')[0])).toEqual(written), 10_000);
    await vi.waitFor(() => expect(numbersOf('down').state).toBe('backing-off'), 10_000);
    expect(numbersOf('up')).toMatchObject({ sentBatches: 2, pendingBatches: 0, lastError: null });
    expect(numbersOf('down')).toMatchObject({ sentBatches: 0, pendingBatches: 2 });
    expect(numbersOf('down').lastError).toContain('ECONNREFUSED');
    expect(spool.backlog().batches).toBe(2);
  });

  test('get what is named for them alone', async () => {
    const [one, other] = [await listen(), await listen()];
    const names = await start(
      `sinks: { web: { type: lines, port: ${one.port} }, shop: { type: lines, port: ${other.port} } }`,
    );
    const [both, shop, unknown] = [write(names, 0, 4), write(names, 1, 4, ['shop']), write(names, 2, 4, ['gone'])];
    await vi.waitFor(() => expect(spool.backlog().batches).toBe(0), 10_000);
    const identities = ({ lines }: { lines: readonly string[] }) => lines.map((line) => line.split(' ')[0]);
    expect(identities(one)).toEqual([both, unknown]);
    expect(identities(other)).toEqual([both, shop, unknown]);
  });
});
