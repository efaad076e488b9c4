/** Meters on the heap, and what they close, in a form that tests can compare. */
import { randomFillSync } from 'node:crypto';
import { HASH_SEED_WORDS } from '../../agent/flow/hash.ts';
import type { Window } from '../../agent/flow/window.ts';
import type { MeterOptions } from '../../agent/meter/meter.ts';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../agent/model/ledger.ts';
import { heapMemory } from '../../agent/model/table-memory.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../agent/packet/exclusion.ts';

/** Bounds that no test meets unless it sets its own. */
export function meterOptions(): Omit<MeterOptions, 'onClosed' | 'windowSeconds'> {
  return {
    exclusion: new Exclusion(EXCLUDE_DEFAULTS),
    hashSeed: randomFillSync(new Int32Array(HASH_SEED_WORDS)),
    allocate: heapMemory,
    flowsMax: 1_000_000,
    windowsMax: 1000,
    tableBytesMax: 1024 * 1024 * 1024,
  };
}

/** A window as it was when it was closed. */
export interface ClosedCopy {
  readonly start: number;
  readonly revision: number;
  readonly ledger: Ledger;
  readonly records: readonly FlowRecord[];
}

export function copyOf(window: Window): ClosedCopy {
  const cursor = window.records();
  const records: FlowRecord[] = [];
  for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) records.push(record);
  return { start: window.start, revision: window.revision, ledger: structuredClone(window.ledger), records };
}

/** A ledger in which only some numbers are not zero. */
export function ledgerWith(ruleNames: readonly string[], parts: Partial<Ledger>): Ledger {
  return { ...createLedger(ruleNames), ...parts };
}
