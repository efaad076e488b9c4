/**
 * The rejected packets of one window: flow tables of their own for each rule, and for what the tap counted and what it did
 * not, so that REJECT records can be made beside the others and the others be lowered (verdict-cursor.ts).
 *
 * Limits: 64 rules, those of further ones under one name; the flows of one table and the memory of all. Where a table finds
 * no more memory its further flows go to coarser records, like those of any table.
 */
import { type NumberedRejection, OTHER_RULES, REJECT_RULES_MAX, type Rejection } from '../model/rejection.ts';
import type { TableMemory } from '../model/table-memory.ts';
import type { FlowTable, FlowTableOptions } from './flow-table.ts';
import { Ipv4Table } from './ipv4-table.ts';
import { Ipv6Table } from './ipv6-table.ts';

export interface RejectTablesOptions extends Omit<FlowTableOptions, 'allocate' | 'flowsExpected'> {
  readonly allocate: (bytes: number, rejection: NumberedRejection, family: 4 | 6) => TableMemory | undefined;
  /** Of all tables together. */
  readonly bytesMax: number;
}

export interface RejectTable {
  readonly rejection: NumberedRejection;
  readonly family: 4 | 6;
  readonly table: FlowTable;
}

export class RejectTables {
  readonly #options: RejectTablesOptions;
  readonly #rejections = new Map<string, NumberedRejection>();
  readonly #rules = new Set<string>();
  readonly #tables = new Map<string, RejectTable>();
  #bytes = 0;

  constructor(options: RejectTablesOptions) {
    this.#options = options;
  }

  /** In an order that their numbers alone give, so that a window is read alike after a kill. */
  get tables(): readonly RejectTable[] {
    return [...this.#tables.values()].sort(
      (left, right) => left.rejection.number - right.rejection.number || left.family - right.family,
    );
  }

  get flows(): number {
    return this.tables.reduce((sum, { table }) => sum + table.flows, 0);
  }

  /** The table for such packets, made when it is first asked for. */
  table({ rule, wasTapped }: Rejection, family: 4 | 6): FlowTable {
    const known = this.#rules.has(rule) || this.#rules.size < REJECT_RULES_MAX;
    if (known) this.#rules.add(rule);
    const rejection = this.#numbered(known ? rule : OTHER_RULES, wasTapped);
    const key = `${rejection.number}/${family}`;
    const existing = this.#tables.get(key);
    if (existing !== undefined) return existing.table;
    const table = this.#create(rejection, family);
    this.#tables.set(key, { rejection, family, table });
    return table;
  }

  release(): void {
    for (const { table } of this.#tables.values()) table.release();
  }

  #numbered(rule: string, wasTapped: boolean): NumberedRejection {
    const key = `${wasTapped} ${rule}`;
    const known = this.#rejections.get(key) ?? { rule, wasTapped, number: this.#rejections.size };
    this.#rejections.set(key, known);
    return known;
  }

  #create(rejection: NumberedRejection, family: 4 | 6): FlowTable {
    const options = {
      ...this.#options,
      flowsExpected: 0,
      allocate: (bytes: number) => this.#allocate(bytes, rejection, family),
    };
    return family === 4 ? new Ipv4Table(options) : new Ipv6Table(options);
  }

  #allocate(bytes: number, rejection: NumberedRejection, family: 4 | 6): TableMemory | undefined {
    if (this.#bytes + bytes > this.#options.bytesMax) return undefined;
    const memory = this.#options.allocate(bytes, rejection, family);
    if (memory === undefined) return undefined;
    this.#bytes += bytes;
    const ending = (end: () => void) => () => {
      this.#bytes -= bytes;
      end();
    };
    return { ...memory, release: ending(memory.release), discard: ending(memory.discard) };
  }
}
