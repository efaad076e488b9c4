/** What a tool's own output adds up to. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { createFlowRecord } from '../agent/model/flow-record.ts';
import { FlowBatchReader } from '../agent/wire/flow-batch-reader.ts';

export interface Totals {
  readonly packets: number;
  /** IP bytes; undefined where the tool counts others. */
  readonly bytes: number | undefined;
  readonly records: number;
}

/** The last line of a file is the answer. */
export function jsonTotals(path: string): Totals {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const { packets, bytes, records } = JSON.parse(lines.at(-1)!) as Totals & { readonly bytes: number };
  // The counting floor looks at no packet.
  return { packets, bytes: bytes > 0 ? bytes : undefined, records };
}

/** Length-delimited batches (proto/flowlog.proto). */
export function batchTotals(path: string): Totals {
  const file = readFileSync(path);
  const record = createFlowRecord();
  const totals = { packets: 0, bytes: 0, records: 0 };
  for (let at = 0; at < file.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = file[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const reader = new FlowBatchReader(file.subarray(at, at + length));
    while (reader.next(record)) {
      totals.packets += record.packets;
      totals.bytes += record.bytes;
      totals.records += 1;
    }
    at += length;
  }
  return totals;
}

export function ndjsonTotals(path: string): Totals {
  const totals = { packets: 0, bytes: 0, records: 0 };
  forEachLine(path, (line) => {
    if (!line.startsWith('{')) return;
    totals.packets += numberAfter(line, '"packets":');
    totals.bytes += numberAfter(line, '"bytes":');
    totals.records += 1;
  });
  return totals;
}

/** Packets and bytes are the last two columns; headers are repeated. */
export function csvTotals(path: string): Totals {
  const totals = { packets: 0, bytes: 0, records: 0 };
  if (!existsSync(path)) return totals;
  forEachLine(path, (line) => {
    const columns = line.split(',');
    const packets = Number(columns.at(-2));
    if (columns.length < 3 || !Number.isInteger(packets)) return;
    totals.packets += packets;
    totals.bytes += Number(columns.at(-1));
    totals.records += 1;
  });
  return totals;
}

/** Sums up what each pattern's first group finds. */
export function matchTotals(text: string, packets: RegExp, bytes: RegExp | undefined, records: RegExp): Totals {
  const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  return { packets: sum(packets), bytes: bytes === undefined ? undefined : sum(bytes), records: sum(records) };
}

function numberAfter(line: string, key: string): number {
  return Number.parseInt(line.slice(line.indexOf(key) + key.length), 10);
}

/** Files of records are larger than a string may be. */
function forEachLine(path: string, take: (line: string) => void): void {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(1 << 22);
  let rest = '';
  for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
    const lines = (rest + buffer.toString('latin1', 0, read)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line);
  }
  closeSync(file);
  if (rest !== '') take(rest);
}
