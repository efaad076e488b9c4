import type { HashSeed } from '../flow/hash.ts';
import { TableCursor, type TableSlots } from '../flow/table-cursor.ts';
import { tableParts } from '../flow/table-parts.ts';
import { hasVerdicts, settleVerdicts, VerdictCursor } from '../flow/verdict-cursor.ts';
import type { PageMapper } from '../meter/table-memory.ts';
import type { ClosedTable, ClosedWindow } from '../model/closed-window.ts';
import type { RecordCursor } from '../model/flow-record.ts';
import { addTally, type Ledger } from '../model/ledger.ts';

/** What a thread needs of the addon for the tables of another. */
export type TableMapper = Pick<PageMapper, 'map' | 'unmap' | 'adopt'>;

/**
 * A closed window of another thread, in this one: the same pages, of which nothing is copied. Those in memory are this thread's from
 * the first moment on, so that they go with it; those in a file are mapped when the window is first read.
 */
export class ReceivedWindow {
  readonly #window: ClosedWindow;
  readonly #mapper: TableMapper;
  readonly #seed: HashSeed;
  readonly #buffers = new Map<ClosedTable, ArrayBuffer>();
  #slots: readonly TableSlots[] | undefined;

  constructor(window: ClosedWindow, mapper: TableMapper, seed: HashSeed) {
    this.#window = window;
    this.#mapper = mapper;
    this.#seed = seed;
    for (const table of window.tables) {
      if (table.pages.kind === 'shared') this.#buffers.set(table, mapper.adopt(table.pages.promise));
    }
  }

  /**
   * Enters into the window's ledger what only all its tables together give.
   *
   * @throws what the system refuses; the next call tries again
   */
  map(): readonly TableSlots[] {
    if (this.#slots !== undefined) return this.#slots;
    const slots = this.#window.tables.map((table) => this.#slotsOf(table));
    enterVerdicts(this.#window.ledger, slots, this.#seed);
    this.#slots = slots;
    return slots;
  }

  /** @throws as `map` */
  records(): RecordCursor {
    return recordsOf(this.map(), this.#seed);
  }

  release(): void {
    for (const buffer of this.#buffers.values()) this.#mapper.unmap(buffer);
    this.#buffers.clear();
  }

  #slotsOf(table: ClosedTable): TableSlots {
    const { family, pages, bytes, rejection, notesWire = false } = table;
    if (pages.kind === 'copied') return { family, ...tableParts(family, pages.words, notesWire), rejection };
    if (pages.kind === 'file' && !this.#buffers.has(table)) {
      this.#buffers.set(table, this.#mapper.map(pages.fileDescriptor, bytes, pages.offset));
    }
    return { family, ...tableParts(family, new Int32Array(this.#buffers.get(table)!), notesWire), rejection };
  }
}

/** The records of a window's tables, as its flow log says them. */
export function recordsOf(slots: readonly TableSlots[], seed: HashSeed): RecordCursor {
  return hasVerdicts(slots) ? new VerdictCursor(slots, seed) : new TableCursor(slots);
}

/** To be called once for a ledger. */
export function enterVerdicts(ledger: Ledger, slots: readonly TableSlots[], seed: HashSeed): void {
  if (!hasVerdicts(slots)) return;
  const settled = settleVerdicts(slots, seed);
  addTally(ledger.rejected, settled.rejected);
  addTally(ledger.rejectsUnmatched, settled.rejectsUnmatched);
}
