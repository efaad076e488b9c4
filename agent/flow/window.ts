import { createLedger, type Ledger, type Tally } from '../model/ledger.ts';
import { IP_BYTES } from '../packet/key-row.ts';
import { packetsOf } from '../packet/segments.ts';
import type { FlowTable, FlowTableOptions } from './flow-table.ts';
import { Ipv4Table } from './ipv4-table.ts';
import { Ipv6Table } from './ipv6-table.ts';
import { KeySketch } from './key-sketch.ts';
import { PeerSketch } from './peer-sketch.ts';
import type { RejectTables } from './reject-tables.ts';
import { TableCursor, type TableSlots } from './table-cursor.ts';

/** Makes the table of one address family. */
export type CreateTable = (family: 4 | 6, options: FlowTableOptions) => FlowTable;

export const createFlowTable: CreateTable = (family, options) =>
  family === 4 ? new Ipv4Table(options) : new Ipv6Table(options);

export interface WindowTables {
  readonly ipv4: FlowTableOptions;
  readonly ipv6: FlowTableOptions;
  readonly createTable?: CreateTable;
}

/** One capture window of one observation point: its tables, made when first needed, and its ledger. */
export class Window {
  /** Unix seconds. */
  readonly start: number;
  /** 0 for a window that was opened in its turn; any other number is that of one window of its meter, opened late or anew. */
  readonly revision: number;
  readonly ledger: Ledger;
  /** Of both families; the ledger has its number when the window is closed. */
  readonly coarsenedKeys = new KeySketch();
  /** Undefined until the packet filter rejects a packet of the window. */
  rejects: RejectTables | undefined;
  /** Who exchanged most of what was excluded, by the index of the rule; the ledger has it when the window is closed. */
  readonly excludedPeers: (PeerSketch | undefined)[];
  readonly #excluded: readonly Tally[];
  readonly #tables: WindowTables;
  #ipv4: FlowTable | undefined;
  #ipv6: FlowTable | undefined;

  constructor(start: number, ruleNames: readonly string[], tables: WindowTables, revision = 0) {
    this.start = start;
    this.revision = revision;
    this.ledger = createLedger(ruleNames);
    this.#excluded = ruleNames.map((name) => this.ledger.excluded[name]!);
    this.excludedPeers = ruleNames.map(() => undefined);
    this.#tables = tables;
  }

  get ipv4(): FlowTable {
    this.#ipv4 ??= this.#createTable(4, this.#tables.ipv4);
    return this.#ipv4;
  }

  get ipv6(): FlowTable {
    this.#ipv6 ??= this.#createTable(6, this.#tables.ipv6);
    return this.#ipv6;
  }

  /** Counts a packet that the rule of this index keeps out of the records. */
  exclude(rule: number, rows: Int32Array, row: number, family: 4 | 6): void {
    const tally = this.#excluded[rule]!;
    tally.packets += packetsOf(rows, row);
    tally.bytes += rows[row + IP_BYTES]! >>> 0;
    this.excludedPeers[rule] ??= new PeerSketch();
    this.excludedPeers[rule].add(rows, row, family);
  }

  get tables(): readonly { readonly family: 4 | 6; readonly table: FlowTable }[] {
    return [
      ...(this.#ipv4 === undefined ? [] : [{ family: 4 as const, table: this.#ipv4 }]),
      ...(this.#ipv6 === undefined ? [] : [{ family: 6 as const, table: this.#ipv6 }]),
    ];
  }

  get slots(): readonly TableSlots[] {
    return this.tables.map(({ family, table: { words, further } }) => ({ family, words, further }));
  }

  get flows(): number {
    return (this.#ipv4?.flows ?? 0) + (this.#ipv6?.flows ?? 0) + (this.rejects?.flows ?? 0);
  }

  /** Bytes of table memory held; rejected packets have a limit of their own. */
  get tableBytes(): number {
    return (this.#ipv4?.bytes ?? 0) + (this.#ipv6?.bytes ?? 0);
  }

  /** Of all packets, whatever became of them. */
  records(): TableCursor {
    return new TableCursor(this.slots);
  }

  /** No more packets come: the tables hold no memory for further flows. */
  finish(): void {
    for (const { table } of [...this.tables, ...(this.rejects?.tables ?? [])]) table.finish();
  }

  release(): void {
    for (const { table } of this.tables) table.release();
    this.rejects?.release();
  }

  #createTable(family: 4 | 6, options: FlowTableOptions): FlowTable {
    const { createTable = createFlowTable } = this.#tables;
    return createTable(family, { ...options, coarsenedKeys: this.coarsenedKeys });
  }
}
