import type { HashSeed } from '../flow/hash.ts';
import { TableCursor, type TableSlots } from '../flow/table-cursor.ts';
import { hasVerdicts, settleVerdicts, VerdictCursor } from '../flow/verdict-cursor.ts';
import type { PageMapper } from '../meter/table-memory.ts';
import type { ClosedWindow } from '../model/closed-window.ts';
import type { RecordCursor } from '../model/flow-record.ts';
import { addTally, type Ledger } from '../model/ledger.ts';

/** A closed window's tables, mapped into this thread. */
export interface MappedWindow {
  records(): RecordCursor;
  unmap(): void;
}

/**
 * Maps the same pages that the data plane wrote; nothing is copied. Enters into the window's ledger what only all its tables
 * together give, so a window is mapped once.
 */
export function mapWindow(
  window: ClosedWindow,
  mapper: Pick<PageMapper, 'map' | 'unmap'>,
  seed: HashSeed,
): MappedWindow {
  const buffers: ArrayBuffer[] = [];
  const slots = window.tables.map(({ family, fileDescriptor, offset, bytes, copy, rejection }): TableSlots => {
    if (copy !== undefined) return { family, words: copy, rejection };
    const buffer = mapper.map(fileDescriptor, bytes, offset);
    buffers.push(buffer);
    return { family, words: new Int32Array(buffer), rejection };
  });
  enterVerdicts(window.ledger, slots, seed);
  return {
    records: () => recordsOf(slots, seed),
    unmap: () => {
      for (const buffer of buffers) mapper.unmap(buffer);
    },
  };
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
