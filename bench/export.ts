/**
 * `npm run bench -- export`: how many records a core takes from a closed window to the answer of the log service: encode,
 * spool (with every fsync), read back, transcode, compress, sign, send, unlink, for each sink in turn. All of it runs in this process on
 * one thread; the service is a sink in another process that answers 200 to everything, so what a real one would do is not in it.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_BACKOFF } from '../agent/export/backoff.ts';
import { ClsSink, REQUESTS_MAX } from '../agent/export/cls/cls-sink.ts';
import { EXPORTER_DEFAULTS, Exporter } from '../agent/export/exporter.ts';
import { FileSink } from '../agent/export/file/file-sink.ts';
import { DEFAULT_TIMEOUTS } from '../agent/export/http/exchange.ts';
import { IPFIX } from '../agent/export/ipfix/kind.ts';
import { OtlpSink } from '../agent/export/otlp/otlp-sink.ts';
import { systemTimers } from '../agent/export/timers.ts';
import type { Window } from '../agent/flow/window.ts';
import { FLOW_LOG_DEFAULTS } from '../agent/model/flow-log.ts';
import type { Sink } from '../agent/model/sink.ts';
import { loadCaptureAddon } from '../agent/native/addon.ts';
import { nodeDisk } from '../agent/spool/disk.ts';
import { RECORDER_DEFAULTS, Recorder } from '../agent/spool/recorder.ts';
import { SPOOL_DEFAULTS, Spool } from '../agent/spool/spool.ts';
import { lockSpool } from '../agent/spool/spool-lock.ts';
import { SpoolWriter } from '../agent/spool/spool-writer.ts';
import { COMPRESSIONS, type Compression } from '../agent/wire/compression.ts';
import { closedWindow, headerOf } from './kernels/records.ts';
import { machineLine } from './machine.ts';
import { runApart } from './measured.ts';
import { cacheFolder } from './places.ts';
import { startSink } from './start-sink.ts';
import { startUdpSink } from './start-udp-sink.ts';
import { markdownTable, median, shortNumber } from './table-text.ts';

interface SinkRow {
  readonly name: string;
  /** @param folder of this run, which goes with it */
  create(endpoint: URL, folder: string): Sink | Promise<Sink>;
}

interface Stages {
  readonly records: number;
  /** CPU time of this process, all threads. */
  readonly recordMs: number;
  readonly exportMs: number;
  readonly wallMs: number;
}

export async function runExportBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '200000' },
      compression: { type: 'string', default: 'lz4' },
      runs: { type: 'string', default: '5' },
      here: { type: 'boolean', default: false },
    },
  });
  const compression = COMPRESSIONS.find((known) => known === values.compression);
  if (compression === undefined)
    throw new Error(`no compression is called ${values.compression}: ${COMPRESSIONS.join(' ')}`);
  if (!values.here) {
    process.stdout.write(runApart(['export', '--here', ...args]));
    return;
  }
  const window = closedWindow(Number(values.records));
  const service = await startSink();
  const collector = await startUdpSink();
  const rows = [...sinkRows(compression), ipfixRow(collector.port)];
  const runs = new Map(rows.map((row) => [row, [] as Stages[]]));
  try {
    // The first run teaches the compiler; a daemon has that behind it.
    for (let run = 0; run <= Number(values.runs); run++) {
      for (const row of rows) {
        const stages = await exportOnce(window, (folder) => row.create(service.url, folder));
        if (run > 0) runs.get(row)!.push(stages);
      }
    }
  } finally {
    await Promise.all([service.stop(), collector.stop()]);
  }
  console.log(`${machineLine()}\n`);
  console.log(format(runs));
}

async function exportOnce(window: Window, create: (folder: string) => Sink | Promise<Sink>): Promise<Stages> {
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  try {
    const spool = openSpool(folder);
    const start = performance.now();
    const recordMs = await cpuOf(() => record(window, spool, folder));
    const exportMs = await cpuOf(async () => deliver(spool, await create(folder)));
    const wallMs = performance.now() - start;
    spool.close();
    return { records: window.flows, recordMs, exportMs, wallMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function cpuOf(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function openSpool(folder: string): Spool {
  const spool = Spool.open({
    disk: nodeDisk,
    folder,
    sinks: ['cls'],
    ...SPOOL_DEFAULTS,
    now: Date.now,
    lock: (path) => lockSpool(path, loadCaptureAddon().lockFile),
    events: { onEvicting: () => undefined, onEvicted: () => undefined, onQuarantined: () => undefined },
  });
  while (spool.readSome());
  return spool;
}

function record(window: Window, spool: Spool, folder: string): void {
  const recorder = new Recorder({
    writer: new SpoolWriter({
      disk: nodeDisk,
      folder,
      sinks: ['cls'],
      nextSequence: spool.nextSequence,
      now: Date.now,
    }),
    ...RECORDER_DEFAULTS,
    after: systemTimers.after,
    events: {
      onDurable: (_window, entries) => spool.adopt(entries),
      onState: () => undefined,
      onEvicted: () => undefined,
    },
  });
  const flowLog = { ...FLOW_LOG_DEFAULTS, id: 'fl-bench001', accountId: '1251762227', windowSeconds: 60 };
  recorder.add({
    point: { flowLog, interfaceId: 'eni-bench001', interfaceName: 'bench' },
    header: headerOf(window),
    ledger: window.ledger,
    heldBytes: 0,
    records: () => window.records(),
    firstPart: 0,
    forget: () => undefined,
    release: () => undefined,
  });
}

function sinkRows(compression: Compression): readonly SinkRow[] {
  const shared = { timeouts: DEFAULT_TIMEOUTS, ledgerLog: true, socketsMax: REQUESTS_MAX, nowMs: Date.now };
  const files = { rotateMs: 300_000, rotateBytes: 64 * 1024 * 1024, timers: systemTimers, lock: undefined };
  const credentials = { secretId: 'bench-id', secretKey: 'bench-key' };
  return [
    {
      name: `cls, ${compression}`,
      create: (endpoint) => new ClsSink({ ...shared, endpoint, topicId: 'bench-topic', credentials, compression }),
    },
    ...(['gzip', 'none'] as const).map((coding) => ({
      name: `otlp, ${coding}`,
      create(url: URL) {
        const endpoint = new URL('/v1/logs', url);
        return new OtlpSink({
          ...shared,
          endpoint,
          headers: {},
          names: 'otel',
          hostName: 'bench',
          compression: coding,
        });
      },
    })),
    ...(['ndjson', 'text'] as const).map((format) => ({
      name: `file, ${format}`,
      create: (_: URL, folder: string) =>
        new FileSink({ ...files, folder: join(folder, 'flows'), format, ledgerLog: true, nowMs: Date.now }),
    })),
  ];
}

function ipfixRow(port: number): SinkRow {
  return {
    name: 'ipfix, udp',
    async create() {
      const plan = IPFIX.url.read(new URL(`ipfix://127.0.0.1:${port}`), {});
      if (plan === undefined || 'needs' in plan) throw new Error('no plan for a collector of IPFIX');
      return plan.create({ environment: {}, nowMs: Date.now });
    },
  };
}

async function deliver(spool: Spool, sink: Sink): Promise<void> {
  const exporter = new Exporter({
    store: spool.queue('cls'),
    sink,
    timers: systemTimers,
    random: Math.random,
    backoff: DEFAULT_BACKOFF,
    ...EXPORTER_DEFAULTS,
    events: {
      onState: () => undefined,
      onDelivered: () => undefined,
      onQuarantined: (batch, reason) => console.error(`${batch} was refused: ${reason}`),
      onRejected: (batch, records) => console.error(`${records} records of ${batch} were rejected`),
      onSplit: () => undefined,
      onNewer: () => undefined,
    },
  });
  await exporter.idle();
  await exporter.stop(1_000);
  await sink.close();
}

/** What a record costs before it is sent is the same for all of them. */
function format(runs: ReadonlyMap<SinkRow, readonly Stages[]>): string {
  const all = [...runs.values()].flat();
  const { records } = all[0]!;
  const perRecord = (stages: readonly Stages[], cost: (of: Stages) => number) =>
    (median(stages.map(cost)) * 1e6) / records;
  const line = (stage: string, nanoseconds: number) => [
    stage,
    shortNumber(nanoseconds),
    String(Math.round(1e9 / nanoseconds)),
  ];
  const rows = [...runs].flatMap(([{ name }, stages]) => [
    line(
      `${name}: spool to answered upload, CPU`,
      perRecord(stages, ({ exportMs }) => exportMs),
    ),
    line(
      `${name}: both, CPU`,
      perRecord(stages, ({ recordMs, exportMs }) => recordMs + exportMs),
    ),
    line(
      `${name}: both, wall clock, disk and service included`,
      perRecord(stages, ({ wallMs }) => wallMs),
    ),
  ]);
  const durable = line(
    'closed window to durable spool, CPU',
    perRecord(all, ({ recordMs }) => recordMs),
  );
  return markdownTable([`${records} records`, 'ns/record', 'records/s'], [durable, ...rows]);
}
