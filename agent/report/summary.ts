/**
 * What a report says of many windows, gathered one window at a time. Memory is bounded: the timeline becomes coarser when it has
 * too many steps, rankings forget the smallest.
 */
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../model/flow-record.ts';
import { addLedger, createLedger, type Ledger, logStatus } from '../model/ledger.ts';
import { addressText, endpoint, recordAddress } from '../record/endpoint.ts';
import { protocolName } from '../record/protocol-name.ts';
import { serviceName } from '../record/service-name.ts';
import { TopRecords } from '../record/table.ts';
import { type RankedKey, Ranking, type Sums } from './ranking.ts';
import { type Step, Timeline } from './timeline.ts';

/** Flows of one window that are distinguished: the largest. */
export const WINDOW_FLOWS_MAX = 4096;

export interface Talker extends Sums {
  sentBytes: number;
  receivedBytes: number;
}

export interface SummarizedWindow {
  /** Unix seconds. */
  readonly start: number;
  readonly ledger: Ledger;
  records(): RecordCursor;
}

const sums = (): Sums => ({ packets: 0, bytes: 0 });

export class ReportSummary {
  readonly ledger = createLedger([]);
  readonly talkers = new Ranking<Talker>(() => ({ ...sums(), sentBytes: 0, receivedBytes: 0 }), addressLabel);
  readonly protocols = new Ranking(sums, (protocol) => protocolName(Number(protocol)));
  /** By the port of the service: the smaller of the two. */
  readonly services = new Ranking(sums, serviceLabel);
  readonly flows = new Ranking(sums);
  readonly rejected = new Ranking(sums);
  /** Of all rejected flows, also those that the ranking has forgotten. */
  readonly rejectedSum = sums();
  windows = 0;
  records = 0;
  readonly timeline: Timeline;

  constructor(windowSeconds: number) {
    this.timeline = new Timeline(windowSeconds);
  }

  add(window: SummarizedWindow): void {
    const step = this.timeline.of(window.start);
    step.packets += window.ledger.metered.packets;
    step.bytes += window.ledger.metered.bytes;
    step.isIncomplete ||= logStatus(window.ledger) === 'SKIPDATA';
    const cursor = window.records();
    const record = createFlowRecord();
    let rejects = false;
    while (cursor.next(record)) {
      this.#addRecord(record);
      addTimes(step, window.start, record);
      rejects ||= isRejected(record);
    }
    this.#addFlows(this.flows, window.records());
    if (rejects) this.#addRejected(step, window);
    addLedger(this.ledger, window.ledger);
    this.windows += 1;
  }

  /** Called for every record of windows that may hold a million: keys are numbers where they can be. */
  #addRecord(record: FlowRecord): void {
    const sender = this.talkers.of(addressKey(record, 'source'));
    add(sender, record);
    sender.sentBytes += record.bytes;
    const receiver = this.talkers.of(addressKey(record, 'destination'));
    if (receiver !== sender) add(receiver, record);
    receiver.receivedBytes += record.bytes;
    add(this.protocols.of(record.protocol), record);
    add(this.services.of(serviceKey(record)), record);
    this.records += 1;
  }

  #addRejected(step: Step, window: SummarizedWindow): void {
    const rejected = this.#addFlows(this.rejected, rejectedOf(window.records()));
    step.rejectedBytes += rejected.bytes;
    add(this.rejectedSum, rejected);
  }

  /** Only the largest of a window are distinguished; answers the sums of all. */
  #addFlows(ranking: Ranking<Sums>, cursor: RecordCursor): Sums {
    const top = new TopRecords(WINDOW_FLOWS_MAX);
    top.add(cursor);
    for (const record of top.sorted()) add(ranking.of(flowLabel(record)), record);
    ranking.forgotten += Math.max(0, top.records - WINDOW_FLOWS_MAX);
    return top;
  }
}

function add(into: Sums, { packets, bytes }: Readonly<Sums>): void {
  into.packets += packets;
  into.bytes += bytes;
}

function addTimes(step: Step, start: number, { firstMicroseconds, lastMicroseconds }: FlowRecord): void {
  step.first = Math.min(step.first, start + firstMicroseconds / 1e6);
  step.last = Math.max(step.last, start + lastMicroseconds / 1e6);
}

function isRejected({ isAnnotated, annotations }: FlowRecord): boolean {
  return isAnnotated && annotations.action === 'REJECT';
}

function rejectedOf(cursor: RecordCursor): RecordCursor {
  return {
    next(record) {
      while (cursor.next(record)) if (isRejected(record)) return true;
      return false;
    },
  };
}

function addressKey(record: FlowRecord, side: 'source' | 'destination'): RankedKey {
  if (record.family === 4) return side === 'source' ? record.source0 : record.destination0;
  return recordAddress(record, side);
}

function addressLabel(key: RankedKey): string {
  return typeof key === 'number' ? addressText(4, [key]) : key;
}

function serviceKey({ protocol, sourcePort, destinationPort }: FlowRecord): number {
  return protocol * 65_536 + Math.min(sourcePort, destinationPort);
}

/** `443/TCP https`; the protocol alone where there are no ports. */
function serviceLabel(key: RankedKey): string {
  const port = Number(key) % 65_536;
  const protocol = protocolName(Math.floor(Number(key) / 65_536));
  if (port === 0) return protocol;
  const name = serviceName(port);
  return `${port}/${protocol}${name === undefined ? '' : ` ${name}`}`;
}

function flowLabel(record: FlowRecord): string {
  const ends = `${endpoint(record, 'source')} → ${endpoint(record, 'destination')} ${protocolName(record.protocol)}`;
  return isRejected(record) && record.annotations.rejectRule !== ''
    ? `${ends} (${record.annotations.rejectRule})`
    : ends;
}
