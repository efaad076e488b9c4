/**
 * What a report says of many windows, gathered one window at a time. Memory is bounded: the timeline halves its resolution
 * when it has too many steps, rankings forget the smallest.
 */
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../model/flow-record.ts';
import { addLedger, createLedger, type Ledger, logStatus } from '../model/ledger.ts';
import { windowStart } from '../model/window-bounds.ts';
import { endpoint, recordAddress } from '../record/endpoint.ts';
import { protocolName } from '../record/protocol-name.ts';
import { serviceName } from '../record/service-name.ts';
import { Ranking, type Sums } from './ranking.ts';

/** Steps of the timeline: as many bars as a screen has room for. */
export const STEPS_MAX = 240;

/** One bar of the timeline. */
export interface Step extends Sums {
  rejectedBytes: number;
  /** A window in it lost packets or was not whole. */
  isIncomplete: boolean;
}

export interface Talker extends Sums {
  sentBytes: number;
  receivedBytes: number;
}

export interface SurveyedWindow {
  /** Unix seconds. */
  readonly start: number;
  readonly ledger: Ledger;
  records(): RecordCursor;
}

const sums = (): Sums => ({ packets: 0, bytes: 0 });

export class Survey {
  readonly ledger = createLedger([]);
  readonly talkers = new Ranking<Talker>(() => ({ ...sums(), sentBytes: 0, receivedBytes: 0 }));
  readonly protocols = new Ranking(sums);
  /** By the port of the service: the smaller of the two. */
  readonly services = new Ranking(sums);
  readonly flows = new Ranking(sums);
  readonly rejected = new Ranking(sums);
  windows = 0;
  records = 0;
  stepSeconds: number;
  readonly #stepsMax: number;
  #steps = new Map<number, Step>();

  constructor(windowSeconds: number, stepsMax = STEPS_MAX) {
    this.stepSeconds = windowSeconds;
    this.#stepsMax = stepsMax;
  }

  add(window: SurveyedWindow): void {
    const step = this.#stepAt(window.start);
    step.packets += window.ledger.metered.packets;
    step.bytes += window.ledger.metered.bytes;
    step.isIncomplete ||= logStatus(window.ledger) === 'SKIPDATA';
    const cursor = window.records();
    for (const record = createFlowRecord(); cursor.next(record); ) this.#addRecord(record, step);
    addLedger(this.ledger, window.ledger);
    this.windows += 1;
  }

  /** Oldest first, each with its start in Unix seconds; what is not there had no window. */
  timeline(): readonly { readonly start: number; readonly step: Step }[] {
    return [...this.#steps].sort(([left], [right]) => left - right).map(([start, step]) => ({ start, step }));
  }

  #stepAt(seconds: number): Step {
    const start = windowStart(seconds, this.stepSeconds);
    const known = this.#steps.get(start);
    if (known !== undefined) return known;
    const step: Step = { ...sums(), rejectedBytes: 0, isIncomplete: false };
    this.#steps.set(start, step);
    if (!this.#isTooLong()) return step;
    this.#coarsen();
    return this.#stepAt(seconds);
  }

  /** By the time from the first step to the last, not by their number: the chart has room for the ones between, too. */
  #isTooLong(): boolean {
    const starts = [...this.#steps.keys()];
    return Math.max(...starts) - Math.min(...starts) >= this.#stepsMax * this.stepSeconds;
  }

  #coarsen(): void {
    while (this.#isTooLong()) this.stepSeconds *= 2;
    const finer = this.#steps;
    this.#steps = new Map();
    for (const [start, step] of finer) {
      const into = this.#stepAt(start);
      into.packets += step.packets;
      into.bytes += step.bytes;
      into.rejectedBytes += step.rejectedBytes;
      into.isIncomplete ||= step.isIncomplete;
    }
  }

  #addRecord(record: FlowRecord, step: Step): void {
    const source = recordAddress(record, 'source');
    const destination = recordAddress(record, 'destination');
    const protocol = protocolName(record.protocol);
    const flow = `${endpoint(record, 'source')} → ${endpoint(record, 'destination')} ${protocol}`;
    const sender = this.talkers.of(source);
    add(sender, record);
    sender.sentBytes += record.bytes;
    const receiver = this.talkers.of(destination);
    if (receiver !== sender) add(receiver, record);
    receiver.receivedBytes += record.bytes;
    add(this.protocols.of(protocol), record);
    add(this.services.of(serviceOf(record, protocol)), record);
    add(this.flows.of(flow), record);
    if (record.isAnnotated && record.annotations.action === 'REJECT') {
      const { rejectRule } = record.annotations;
      add(this.rejected.of(rejectRule === '' ? flow : `${flow} (${rejectRule})`), record);
      step.rejectedBytes += record.bytes;
    }
    this.records += 1;
  }
}

function add(into: Sums, { packets, bytes }: FlowRecord): void {
  into.packets += packets;
  into.bytes += bytes;
}

/** `443/TCP https`; the protocol alone where there are no ports. */
function serviceOf({ sourcePort, destinationPort }: FlowRecord, protocol: string): string {
  if (sourcePort === 0 && destinationPort === 0) return protocol;
  const port = Math.min(sourcePort, destinationPort);
  const name = serviceName(port);
  return `${port}/${protocol}${name === undefined ? '' : ` ${name}`}`;
}
