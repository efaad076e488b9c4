import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import type { Rejection } from '../model/rejection.ts';
import { loadIpv4, loadIpv6 } from './key-layout.ts';
import { IPV4_STATE, IPV4_WORDS, IPV6_STATE, IPV6_WORDS } from './slot-layout.ts';
import { loadFurther } from './table-parts.ts';

/** The slots of one address family. */
export interface TableSlots {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  /** What flows are on the wire more than here, where the table has it (table-parts.ts). */
  readonly further?: Float64Array | undefined;
  /** Of a table of rejected packets. */
  readonly rejection?: Rejection | undefined;
}

/** Walks the occupied slots of closed tables, in no particular order. */
export class TableCursor implements RecordCursor {
  readonly #tables: readonly TableSlots[];
  #table = 0;
  #at = 0;

  constructor(tables: readonly TableSlots[]) {
    this.#tables = tables;
  }

  next(record: FlowRecord): boolean {
    for (; this.#table < this.#tables.length; this.#table++, this.#at = 0) {
      const { family, words, further } = this.#tables[this.#table]!;
      if (!(family === 4 ? this.#nextIpv4(words, record) : this.#nextIpv6(words, record))) continue;
      loadFurther(further, this.#at / (family === 4 ? IPV4_WORDS : IPV6_WORDS) - 1, record);
      return true;
    }
    return false;
  }

  #nextIpv4(words: Int32Array, record: FlowRecord): boolean {
    let at = this.#at;
    while (at < words.length && words[at + IPV4_STATE] === 0) at += IPV4_WORDS;
    this.#at = at + IPV4_WORDS;
    if (at >= words.length) return false;
    loadIpv4(words, at, record);
    return true;
  }

  #nextIpv6(words: Int32Array, record: FlowRecord): boolean {
    let at = this.#at;
    while (at < words.length && words[at + IPV6_STATE] === 0) at += IPV6_WORDS;
    this.#at = at + IPV6_WORDS;
    if (at >= words.length) return false;
    loadIpv6(words, at, record);
    return true;
  }
}
