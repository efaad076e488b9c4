import { isSamePoint, type ObservationPoint } from '../model/flow-log.ts';
import { type Ledger, type LogStatus, logStatus } from '../model/ledger.ts';
import { LiveBlock } from '../model/live-figures.ts';
import type { InterfaceState, InterfaceStatus } from './agent-status.ts';
import { LedgerSum } from './ledger-sum.ts';
import { LiveRates } from './live-rates.ts';
import type { RingCollector } from './ring-status.ts';

/** A window that has become durable. */
export interface WindowClosed {
  readonly point: ObservationPoint;
  readonly windowStart: number;
  readonly records: number;
  readonly ledger: Ledger;
}

/** Closed windows of each interface that are kept one by one. */
export const LAST_WINDOWS = 10;

interface KeptWindow {
  readonly startSeconds: number;
  records: number;
  readonly ledger: LedgerSum;
}

/** One observation point as it is told. */
export class InterfaceCollector {
  readonly #point: ObservationPoint;
  readonly #flowsMax: number;
  #figures = new LiveBlock();
  #rates = new LiveRates();
  #memoryOnly: { readonly sinceSeconds: number; readonly reason: string } | undefined;
  #state: InterfaceState = 'starting';
  #sinceSeconds: number;
  #reason: string | null = null;
  #detachments = 0;
  #beforeAttachPackets = 0;
  #records = 0;
  readonly #windows: Record<LogStatus, number> = { OK: 0, NODATA: 0, SKIPDATA: 0 };
  readonly #total = new LedgerSum();
  /** The latest start first. */
  readonly #last: KeptWindow[] = [];

  constructor(point: ObservationPoint, flowsMax: number, nowSeconds: number) {
    this.#point = point;
    this.#flowsMax = flowsMax;
    this.#sinceSeconds = nowSeconds;
  }

  is(point: ObservationPoint): boolean {
    return isSamePoint(point, this.#point);
  }

  captured(kind: string, reason: string | undefined, nowSeconds: number): void {
    if (kind === 'memory-only') this.#memoryOnly = { sinceSeconds: nowSeconds, reason: reason ?? '' };
    else if (kind === 'persisted') this.#memoryOnly = undefined;
    if (kind === 'detached') this.#detachments++;
    else if (kind !== 'attached' && kind !== 're-attached' && kind !== 'waiting') return;
    this.#state = kind === 'detached' || kind === 'waiting' ? kind : 'capturing';
    this.#reason = reason ?? null;
    this.#sinceSeconds = nowSeconds;
  }

  missed(packets: number): void {
    this.#beforeAttachPackets += packets;
  }

  closed({ windowStart, records, ledger }: WindowClosed): void {
    this.#records += records;
    this.#windows[logStatus(ledger)]++;
    this.#total.add(ledger);
    const known = this.#last.find(({ startSeconds }) => startSeconds === windowStart);
    if (known === undefined) this.#keep(windowStart, records, ledger);
    else {
      known.records += records;
      known.ledger.add(ledger);
    }
  }

  /** Its figures begin anew, in another block. */
  measured(live: SharedArrayBuffer): void {
    this.#figures = new LiveBlock(live);
    this.#rates = new LiveRates();
  }

  look(atMs: number): void {
    this.#rates.look(atMs, this.#figures.read());
  }

  read(rings: RingCollector): InterfaceStatus {
    const figures = this.#figures.read();
    const { interfaceName, interfaceId, flowLog } = this.#point;
    return {
      interface: interfaceName,
      interfaceId,
      flowLogId: flowLog.id,
      windowSeconds: flowLog.windowSeconds,
      state: this.#state,
      sinceSeconds: this.#sinceSeconds,
      reason: this.#reason,
      detachments: this.#detachments,
      ringBytes: rings.bytesOf(interfaceName),
      refused: rings.hasRefused(interfaceName),
      beforeAttachPackets: this.#beforeAttachPackets,
      live: this.#rates.read(this.#flowsMax, figures),
      memoryOnly: this.#memoryOnly !== undefined,
      memoryOnlySinceSeconds: this.#memoryOnly?.sinceSeconds ?? null,
      memoryOnlyReason: this.#memoryOnly?.reason ?? null,
      memoryOnlyTables: figures.memoryOnlyTables,
      unwrittenWindows: figures.unwrittenWindows,
      windows: { ...this.#windows },
      records: this.#records,
      ledger: this.#total.read(),
      lastWindows: this.#last.map(({ startSeconds, records, ledger }) => ({
        startSeconds,
        endSeconds: startSeconds + flowLog.windowSeconds,
        status: ledger.status,
        records,
        ledger: ledger.read(),
      })),
    };
  }

  /** Windows of two starts may come in any order: what waited for the disk comes late. */
  #keep(startSeconds: number, records: number, ledger: Ledger): void {
    const later = this.#last.findIndex((kept) => kept.startSeconds < startSeconds);
    const sum = new LedgerSum();
    sum.add(ledger);
    this.#last.splice(later < 0 ? this.#last.length : later, 0, { startSeconds, records, ledger: sum });
    this.#last.length = Math.min(this.#last.length, LAST_WINDOWS);
  }
}
