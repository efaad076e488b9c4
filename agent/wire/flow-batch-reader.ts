/**
 * The reader of `proto/flowlog.proto` (grammar: `flow-batch.ts`). It takes any bytes: what is no batch is refused with
 * `spool.damaged`, and no length in the bytes leads a read past their end. Fields may stand in any order; numbers that the agent
 * cannot hold exactly (2^53 and more) or that no packet can have (a port of 70,000) are damage. Fields and names that this
 * version does not know are refused with `spool.newer`: a batch is delivered once, so what it says has to arrive whole.
 */

import { LEDGER_ROWS, type LedgerRow } from '../../schema/ledger-numbers.ts';
import { clearAnnotations } from '../model/annotations.ts';
import { type BatchHeader, EMPTY_BATCH_HEADER } from '../model/batch-id.ts';
import type { FindingRecord } from '../model/finding-record.ts';
import { RESOURCE_TYPES, type ResourceType } from '../model/flow-log.ts';
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../model/flow-record.ts';
import { createLedger, GAP_REASONS, type Gap, type GapReason, type Ledger, type Tally } from '../model/ledger.ts';
import { ANNOTATIONS_TAG } from './annotation-fields.ts';
import { readAnnotations } from './annotations.ts';
import { readExcludedPeers } from './excluded-peers-reader.ts';
import { readFinding } from './finding-records.ts';
import {
  BATCH_TAG,
  encodeHeader,
  encodeLedger,
  encodeTotals,
  FURTHER_TAG,
  ICMP_TAG,
  LEDGER_TAG,
  numberTag,
  type RecordTotals,
  TOTALS_TAG,
} from './flow-batch.ts';
import { damaged, newer, ProtobufReader } from './protobuf-reader.ts';

/** One encoded batch: its header and ledger at once, its records in place, one after the other. */
export class FlowBatchReader implements RecordCursor {
  readonly header: BatchHeader;
  /** Present on the last part of a window. */
  readonly ledger: Ledger | undefined;
  readonly records: number;
  /** What the batch says of its records; undefined where an earlier version wrote it. */
  readonly totals: RecordTotals | undefined;
  /** Only in a batch that has nothing else. */
  readonly findings: readonly FindingRecord[];
  readonly #records: ProtobufReader;

  /** @throws OperationalError `spool.damaged`, `spool.newer`; so does `next`. */
  constructor(bytes: Uint8Array) {
    const envelope = readEnvelope(bytes);
    this.header = envelope.header;
    this.ledger = envelope.ledger;
    this.records = envelope.records;
    this.totals = envelope.totals;
    this.findings = envelope.findings;
    this.#records = new ProtobufReader(bytes, 0, bytes.length);
  }

  next(record: FlowRecord): boolean {
    return readNext(this.#records, record) >= 0;
  }

  /** Where the batch is read on; whoever has read records himself moves it. */
  get at(): number {
    return this.#records.at;
  }

  set at(offset: number) {
    this.#records.at = offset;
  }
}

/** @throws OperationalError `spool.damaged`, `spool.newer` */
export function readBatchHeader(bytes: Uint8Array): BatchHeader {
  return readEnvelope(bytes).header;
}

/**
 * How many bytes of a batch stand before its first record: its label (`flow-batch.ts`), which can be read as a batch by itself.
 *
 * @throws OperationalError `spool.damaged`.
 */
export function labelBytes(bytes: Uint8Array): number {
  const wire = new ProtobufReader(bytes, 0, bytes.length);
  while (wire.at < wire.end) {
    const start = wire.at;
    const tag = wire.tag();
    if (tag === BATCH_TAG.record) return start;
    wire.skip(tag);
  }
  return bytes.length;
}

/** Adds up what is left of the records. @throws OperationalError `spool.damaged`. */
export function sumRecords(records: RecordCursor): RecordTotals {
  const totals: RecordTotals = { records: 0, packets: 0, bytes: 0 };
  for (const record = createFlowRecord(); records.next(record); ) addRecord(totals, record);
  return totals;
}

/**
 * Cuts a batch that is too large for a sink in two: the records in halves, the ledger with the second, and the cut written
 * down in the identity (`split`), so that both halves keep a stable one. Undefined when there are less than two records.
 *
 * @throws OperationalError `spool.damaged`, `spool.newer`
 */
export function splitBatch(bytes: Uint8Array): [Uint8Array, Uint8Array] | undefined {
  const { header, ledger, records } = readEnvelope(bytes);
  if (records < 2) return undefined;
  const wire = new ProtobufReader(bytes, 0, bytes.length);
  const first = takeRecords(wire, bytes, records >>> 1);
  const second = takeRecords(wire, bytes, records);
  const tail = ledger === undefined ? [] : [encodeLedger(ledger)];
  return [
    Buffer.concat([
      encodeHeader({ ...header, split: `${header.split}0` }),
      encodeTotals(first.totals),
      ...first.pieces,
    ]),
    Buffer.concat([
      encodeHeader({ ...header, split: `${header.split}1` }),
      encodeTotals(second.totals),
      ...tail,
      ...second.pieces,
    ]),
  ];
}

/** The same batch without the ledger of its window. @throws OperationalError `spool.damaged` */
export function withoutLedger(bytes: Uint8Array): Uint8Array {
  const wire = new ProtobufReader(bytes, 0, bytes.length);
  const rest: Uint8Array[] = [];
  while (wire.at < wire.end) {
    const start = wire.at;
    const tag = wire.tag();
    wire.skip(tag);
    if (tag !== BATCH_TAG.ledger) rest.push(bytes.subarray(start, wire.at));
  }
  return Buffer.concat(rest);
}

/** The next records, at most `count`, as they are. */
function takeRecords(wire: ProtobufReader, bytes: Uint8Array, count: number) {
  const pieces: Uint8Array[] = [];
  const totals: RecordTotals = { records: 0, packets: 0, bytes: 0 };
  const record = createFlowRecord();
  while (totals.records < count) {
    const start = readNext(wire, record);
    if (start < 0) break;
    pieces.push(bytes.subarray(start, wire.at));
    addRecord(totals, record);
  }
  return { pieces, totals };
}

/** Reads the next record; answers where it begins, -1 when there is none left. */
function readNext(wire: ProtobufReader, record: FlowRecord): number {
  while (wire.at < wire.end) {
    const start = wire.at;
    const tag = wire.tag();
    if (tag === BATCH_TAG.record) {
      const outerEnd = wire.enter();
      readRecord(wire, record);
      wire.leave(outerEnd);
      return start;
    }
    wire.skip(tag);
  }
  return -1;
}

function addRecord(totals: RecordTotals, { packets, bytes }: FlowRecord): void {
  totals.records++;
  totals.packets += packets;
  totals.bytes += bytes;
}

interface Envelope {
  readonly header: BatchHeader;
  readonly ledger: Ledger | undefined;
  readonly totals: RecordTotals | undefined;
  readonly records: number;
  readonly findings: readonly FindingRecord[];
}

/** Everything but the records, which are only counted. */
function readEnvelope(bytes: Uint8Array): Envelope {
  const wire = new ProtobufReader(bytes, 0, bytes.length);
  const header = { ...EMPTY_BATCH_HEADER, fields: [] as string[], constants: {} as Record<string, string> };
  let ledger: Ledger | undefined;
  let totals: RecordTotals | undefined;
  let records = 0;
  const findings: FindingRecord[] = [];
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === BATCH_TAG.record) {
      records++;
      wire.skip(tag);
    } else if (tag === BATCH_TAG.hostId) header.hostId = wire.text();
    else if (tag === BATCH_TAG.runId) header.runId = wire.text();
    else if (tag === BATCH_TAG.flowLogId) header.flowLogId = wire.text();
    else if (tag === BATCH_TAG.interfaceId) header.interfaceId = wire.text();
    else if (tag === BATCH_TAG.accountId) header.accountId = wire.text();
    else if (tag === BATCH_TAG.windowStart) header.windowStart = wire.signed();
    else if (tag === BATCH_TAG.windowSeconds) header.windowSeconds = wire.bounded(0xffff_ffff);
    else if (tag === BATCH_TAG.part) header.part = wire.bounded(0xffff_ffff);
    else if (tag === BATCH_TAG.split) header.split = wire.text();
    else if (tag === BATCH_TAG.resourceType) header.resourceType = readResourceType(wire);
    else if (tag === BATCH_TAG.field) header.fields.push(wire.text());
    else if (tag === BATCH_TAG.constant) readConstant(wire, header.constants);
    else if (tag === BATCH_TAG.ledger) {
      ledger ??= createLedger([]);
      readLedger(wire, ledger);
    } else if (tag === BATCH_TAG.totals) totals = readTotals(wire);
    else if (tag === BATCH_TAG.finding) findings.push(readFinding(wire));
    else wire.refuseUnknown(tag);
  }
  return { header, ledger, totals, records, findings };
}

function readTotals(wire: ProtobufReader): RecordTotals {
  const totals: RecordTotals = { records: 0, packets: 0, bytes: 0 };
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === TOTALS_TAG.records) totals.records = wire.varint();
    else if (tag === TOTALS_TAG.packets) totals.packets = wire.varint();
    else if (tag === TOTALS_TAG.bytes) totals.bytes = wire.varint();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  return totals;
}

/** Records of an unknown type say other things under the same names. */
function readResourceType(wire: ProtobufReader): ResourceType {
  const number = wire.varint();
  const resourceType = RESOURCE_TYPES[number];
  if (resourceType === undefined) throw newer(`resource type ${number}`);
  return resourceType;
}

function readConstant(wire: ProtobufReader, constants: Record<string, string>): void {
  let name = '';
  let value = '';
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x0a) name = wire.text();
    else if (tag === 0x12) value = wire.text();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  if (name === '__proto__') throw damaged('a constant has a name that no field can have');
  constants[name] = value;
}

const LEDGER_ROW: ReadonlyMap<number, LedgerRow> = new Map(LEDGER_ROWS.map((row) => [numberTag(row), row]));

function readLedger(wire: ProtobufReader, ledger: Ledger): void {
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    const row = LEDGER_ROW.get(tag);
    if (row !== undefined) readNumber(wire, row, ledger);
    else if (tag === LEDGER_TAG.excluded) readExcluded(wire, ledger);
    else if (tag === LEDGER_TAG.excludedPeers) readExcludedPeers(wire, ledger.excludedPeers);
    else if (tag === LEDGER_TAG.gaps) ledger.gaps.push(readGap(wire));
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
}

function readNumber(wire: ProtobufReader, row: LedgerRow, ledger: Ledger): void {
  if (row.kind === 'tally') readTally(wire, ledger[row.name]);
  else if (row.kind === 'count') ledger[row.name] = wire.varint();
  else ledger[row.name] = wire.varint() !== 0;
}

function readExcluded(wire: ProtobufReader, ledger: Ledger): void {
  const tally: Tally = { packets: 0, bytes: 0 };
  let name = '';
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x0a) name = wire.text();
    else if (tag === 0x12) readTally(wire, tally);
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  // Whoever adds ledgers up indexes by this name, and this one name would lead into every object of the process.
  if (name === '__proto__') throw damaged('an exclusion rule has a name that no rule can have');
  ledger.excluded[name] = tally;
}

function readTally(wire: ProtobufReader, tally: Tally): void {
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x08) tally.packets = wire.varint();
    else if (tag === 0x10) tally.bytes = wire.varint();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
}

function readGap(wire: ProtobufReader): Gap {
  let fromSeconds = 0;
  let toSeconds = 0;
  let reason = '';
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x09) fromSeconds = wire.double();
    else if (tag === 0x11) toSeconds = wire.double();
    else if (tag === 0x1a) reason = wire.text();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  if (reason === '') throw damaged('a gap has no reason');
  if (!isGapReason(reason)) throw newer(`gap reason '${reason}'`);
  return { fromSeconds, toSeconds, reason };
}

function isGapReason(reason: string): reason is GapReason {
  return (GAP_REASONS as readonly string[]).includes(reason);
}

/** What a record may leave out. */
function clearRecord(record: FlowRecord): void {
  record.sourcePort = 0;
  record.destinationPort = 0;
  record.icmpType = -1;
  record.icmpCode = -1;
  record.protocol = 0;
  record.tcpFlags = 0;
  record.packets = 0;
  record.bytes = 0;
  record.furtherPackets = 0;
  record.furtherBytes = 0;
  record.firstMicroseconds = 0;
  record.lastMicroseconds = 0;
  if (record.isAnnotated) clearAnnotations(record.annotations);
  record.isAnnotated = false;
}

/** Hot: runs for every record that is printed or sent. */
function readRecord(wire: ProtobufReader, record: FlowRecord): void {
  clearRecord(record);
  let sourceBytes = 0;
  let destinationBytes = 0;
  while (wire.at < wire.end) {
    const tag = wire.tag();
    switch (tag) {
      case 0x0a:
        sourceBytes = readSource(wire, record);
        break;
      case 0x12:
        destinationBytes = readDestination(wire, record);
        break;
      case 0x18:
        record.sourcePort = wire.bounded(0xffff);
        break;
      case 0x20:
        record.destinationPort = wire.bounded(0xffff);
        break;
      case 0x28:
        record.protocol = wire.bounded(0xff);
        break;
      case 0x30:
        record.tcpFlags = wire.bounded(0xff);
        break;
      case 0x38:
        record.packets = wire.varint();
        break;
      case 0x40:
        record.bytes = wire.varint();
        break;
      case 0x48:
        record.firstMicroseconds = Math.floor(wire.varint() / 1000);
        break;
      case 0x50:
        record.lastMicroseconds = Math.floor(wire.varint() / 1000);
        break;
      case ICMP_TAG.type:
        record.icmpType = wire.bounded(0xff);
        break;
      case ICMP_TAG.code:
        record.icmpCode = wire.bounded(0xff);
        break;
      case FURTHER_TAG.packets:
        record.furtherPackets = wire.varint();
        break;
      case FURTHER_TAG.bytes:
        record.furtherBytes = wire.varint();
        break;
      case ANNOTATIONS_TAG:
        // Before it may be refused: what it has said by then must not stay for the next record.
        record.isAnnotated = true;
        readAnnotations(wire, record.annotations);
        break;
      default:
        wire.refuseUnknown(tag);
    }
  }
  if (sourceBytes !== destinationBytes || sourceBytes === 0)
    throw damaged('a record has no two addresses of one family');
  record.family = sourceBytes === 4 ? 4 : 6;
}

function readSource(wire: ProtobufReader, record: FlowRecord): number {
  const length = wire.addressLength();
  record.source0 = wire.word();
  record.source1 = length === 4 ? 0 : wire.word();
  record.source2 = length === 4 ? 0 : wire.word();
  record.source3 = length === 4 ? 0 : wire.word();
  return length;
}

function readDestination(wire: ProtobufReader, record: FlowRecord): number {
  const length = wire.addressLength();
  record.destination0 = wire.word();
  record.destination1 = length === 4 ? 0 : wire.word();
  record.destination2 = length === 4 ? 0 : wire.word();
  record.destination3 = length === 4 ? 0 : wire.word();
  return length;
}
