/**
 * Makes batches of findings durable in the spool, in the recorder's thread: nobody else writes there. A finding may be made of every flow log, so they
 * are for the sinks that all flow logs ship to, and for no sink that one of them leaves out. Those that an unusable disk
 * refuses are tried again; how many may be pending is the limit of who sends them (agent/findings/finding-shipping.ts).
 */
import type { MessagePort } from 'node:worker_threads';
import { EMPTY_BATCH_HEADER } from '../model/batch-id.ts';
import { FINDINGS_OF_BATCH_MAX, type FindingRecord } from '../model/finding-record.ts';
import type { FlowLog } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { WindowWriter } from '../spool/recorder.ts';
import type { WrittenBatch } from '../spool/spool-writer.ts';
import { encodeFindings } from '../wire/finding-records.ts';

export interface FindingBatchesOptions {
  readonly hostId: string;
  readonly runId: string;
  readonly writer: WindowWriter;
  /** All that get new batches. */
  readonly sinks: readonly string[];
  readonly after: (delayMs: number, call: () => void) => () => void;
  readonly onDurable: (written: DurableFindings) => void;
}

export interface DurableFindings {
  readonly entries: readonly WrittenBatch[];
  readonly uids: readonly string[];
}

const RETRY_MS = 10_000;

/** @param from what is sent there is `FindingRecord[]` */
export function recordFindings(from: MessagePort | undefined, options: FindingBatchesOptions): FindingBatches {
  const batches = new FindingBatches(options);
  from?.on('message', (findings: readonly FindingRecord[]) => batches.add(findings));
  from?.unref();
  return batches;
}

export class FindingBatches {
  readonly #options: FindingBatchesOptions;
  readonly #pending: FindingRecord[] = [];
  #sinks: readonly string[];
  #part = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(options: FindingBatchesOptions) {
    this.#options = options;
    this.#sinks = options.sinks;
  }

  /** A flow log of which findings may be made. */
  observes({ sinks = [] }: Pick<FlowLog, 'sinks'>): void {
    const known = this.#options.sinks.filter((sink) => sinks.includes(sink));
    if (known.length > 0) this.#sinks = this.#sinks.filter((sink) => known.includes(sink));
  }

  add(findings: readonly FindingRecord[]): void {
    this.#pending.push(...findings);
    if (this.#cancelRetry === undefined) this.write();
  }

  /** What is pending, now. */
  write(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    while (this.#pending.length > 0) {
      const findings = this.#next();
      const entries = this.#writeOne(findings);
      if (entries === undefined) {
        this.#cancelRetry = this.#options.after(RETRY_MS, () => this.write());
        return;
      }
      this.#pending.splice(0, findings.length);
      this.#part++;
      this.#options.onDurable({ entries, uids: findings.map(({ uid }) => uid) });
    }
  }

  stop(): void {
    this.write();
    this.#cancelRetry?.();
  }

  /** A batch has one time, that of its logs. */
  #next(): readonly FindingRecord[] {
    const at = this.#pending[0]!.at;
    const others = this.#pending.findIndex((finding) => finding.at !== at);
    return this.#pending.slice(0, Math.min(others < 0 ? this.#pending.length : others, FINDINGS_OF_BATCH_MAX));
  }

  #writeOne(findings: readonly FindingRecord[]): readonly WrittenBatch[] | undefined {
    const { hostId, runId, writer } = this.#options;
    if (this.#sinks.length === 0) return [];
    const header = { ...EMPTY_BATCH_HEADER, hostId, runId, windowStart: findings[0]!.at, part: this.#part };
    try {
      writer.stage(encodeFindings(header, findings), this.#sinks);
      return writer.commit();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      writer.abandon();
      return undefined;
    }
  }
}
