/** Kernels of the recorder and the exporter: per record, from a closed table to bytes for a log service. */

import { LogGroupEncoder } from '../../agent/export/cls/log-group.ts';
import type { Window } from '../../agent/flow/window.ts';
import { Meter } from '../../agent/meter/meter.ts';
import type { WindowHeader } from '../../agent/model/batch-id.ts';
import { ROW_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import { decodeEthernet } from '../../agent/packet/decode.ts';
import { EXCLUDE_NOTHING, Exclusion } from '../../agent/packet/exclusion.ts';
import { columnsOf } from '../../agent/record/field-columns.ts';
import { NdjsonPrinter } from '../../agent/record/ndjson.ts';
import type { RecordPrinter } from '../../agent/record/printer.ts';
import { TextPrinter } from '../../agent/record/text.ts';
import { type Compression, compress, isCompressionAvailable } from '../../agent/wire/compression.ts';
import { encodeBatches } from '../../agent/wire/flow-batch.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { allocate, BatchFeed, hashSeed } from './feed.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';

const FLOWS = 100_000;
const IPV6_PERCENT = 20;
const WINDOW_SECONDS = 60;
const PRINT_BYTES = 256 * 1024;

export const RECORD_KERNELS: readonly Kernel[] = [
  { name: 'table-walk', item: 'record', create: walkKernel },
  { name: 'batch-encode', item: 'record', create: encodeKernel },
  { name: 'batch-read', item: 'record', create: readKernel },
  { name: 'log-group', item: 'record', create: logGroupKernel },
  ...(['lz4', 'deflate', 'zstd'] as const)
    .filter(isCompressionAvailable)
    .map((name): Kernel => ({ name: `compress/${name}`, item: 'record', create: () => compressKernel(name) })),
  { name: 'ndjson', item: 'record', create: () => printKernel(new NdjsonPrinter()) },
  { name: 'text', item: 'record', create: () => printKernel(new TextPrinter()) },
  { name: 'text/ccn', item: 'record', create: () => printKernel(new TextPrinter(columnsOf('CCN', []))) },
];

/** A window whose flows all lie in page-aligned tables, as the recorder gets it. */
export function closedWindow(flows: number): Window {
  const feed = new BatchFeed({ flows, popularity: 'uniform', ipv6Percent: IPV6_PERCENT });
  const meter = new Meter({
    windowSeconds: WINDOW_SECONDS,
    ...ROW_DEFAULTS,
    exclusion: new Exclusion(EXCLUDE_NOTHING),
    hashSeed,
    allocate,
    flowsMax: 8 * 1024 * 1024,
    windowsMax: 4,
    tableBytesMax: Number.POSITIVE_INFINITY,
    onClosed: () => undefined,
  });
  for (let batch = 0; batch < feed.batches; batch++) {
    feed.load();
    meter.add(feed.batch, decodeEthernet);
  }
  return meter.currentWindow!;
}

export function headerOf(window: Window): WindowHeader {
  return {
    hostId: 'bench-host',
    runId: '0123456789abcdef',
    flowLogId: 'fl-bench001',
    interfaceId: 'eni-bench001',
    accountId: '1251762227',
    windowStart: window.start,
    windowSeconds: WINDOW_SECONDS,
    ...ROW_DEFAULTS,
  };
}

function batchesOf(window: Window): Uint8Array[] {
  const batches: Uint8Array[] = [];
  encodeBatches({ header: headerOf(window), cursor: window.records(), ledger: window.ledger }, (bytes) =>
    batches.push(bytes.slice()),
  );
  return batches;
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function perRecord(bytes: number, records: number): string {
  return `${Math.round(bytes / records)} bytes a record`;
}

function walkKernel(): PreparedKernel {
  const window = closedWindow(FLOWS);
  const record = createFlowRecord();
  return {
    items: window.flows,
    run() {
      const records = window.records();
      while (records.next(record));
    },
  };
}

function encodeKernel(): PreparedKernel {
  const window = closedWindow(FLOWS);
  const header = headerOf(window);
  const bytes = totalBytes(batchesOf(window));
  return {
    items: window.flows,
    bytes,
    note: `the walk included; ${perRecord(bytes, window.flows)}`,
    run() {
      encodeBatches({ header, cursor: window.records(), ledger: window.ledger }, () => undefined);
    },
  };
}

function readKernel(): PreparedKernel {
  const window = closedWindow(FLOWS);
  const batches = batchesOf(window);
  const record = createFlowRecord();
  return {
    items: window.flows,
    bytes: totalBytes(batches),
    run() {
      for (const batch of batches) {
        const reader = new FlowBatchReader(batch);
        while (reader.next(record));
      }
    },
  };
}

/** The body of each batch, as it would be compressed. */
function bodiesOf(batches: readonly Uint8Array[], encoder: LogGroupEncoder): Uint8Array[] {
  return batches.map((batch) => {
    const result = encoder.encode(batch);
    if (result.kind !== 'encoded') throw new Error(`a batch of the benchmark is ${result.kind}`);
    return result.bytes.slice();
  });
}

function logGroupKernel(): PreparedKernel {
  const window = closedWindow(FLOWS);
  const batches = batchesOf(window);
  const encoder = new LogGroupEncoder({ ledgerLog: true });
  const bytes = totalBytes(bodiesOf(batches, encoder));
  return {
    items: window.flows,
    bytes,
    note: `batch-read included; ${perRecord(bytes, window.flows)}`,
    run() {
      for (const batch of batches) encoder.encode(batch);
    },
  };
}

function compressKernel(compression: Compression): PreparedKernel {
  const window = closedWindow(FLOWS);
  const bodies = bodiesOf(batchesOf(window), new LogGroupEncoder({ ledgerLog: true }));
  const bytes = totalBytes(bodies);
  const compressed = totalBytes(bodies.map((body) => compress(compression, body)));
  return {
    items: window.flows,
    bytes,
    note: `to one part in ${(bytes / compressed).toFixed(1)}`,
    run() {
      for (const body of bodies) compress(compression, body);
    },
  };
}

function printKernel(printer: RecordPrinter): PreparedKernel {
  const window = closedWindow(FLOWS);
  const record = createFlowRecord();
  const buffer = new Uint8Array(PRINT_BYTES);
  const full = PRINT_BYTES - printer.bytesMax;
  const context = { windowStart: window.start, windowSeconds: WINDOW_SECONDS, interfaceId: 'eni-bench001' };
  const print = () => {
    const records = window.records();
    printer.begin(context);
    let bytes = 0;
    let at = 0;
    while (records.next(record)) {
      if (at > full) {
        bytes += at;
        at = 0;
      }
      at = printer.print(record, buffer, at);
    }
    return bytes + at;
  };
  const bytes = print();
  return {
    items: window.flows,
    bytes,
    note: `the walk included; ${perRecord(bytes, window.flows)}`,
    run() {
      print();
    },
  };
}
