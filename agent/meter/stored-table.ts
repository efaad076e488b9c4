/** Tables as another run left them in a file. */
import { clearDamagedSlots, type SlotSums } from '../flow/slot-check.ts';
import type { TableSlots } from '../flow/table-cursor.ts';
import { tableParts } from '../flow/table-parts.ts';
import type { NumberedRejection } from '../model/rejection.ts';

/** A range of a file, less where it ends before, or why it cannot be read. */
export type ReadRange = (position: number, bytes: number) => Uint8Array | string;

export interface StoredSlots extends TableSlots {
  readonly rejection?: NumberedRejection | undefined;
}

export interface RecoveredTable extends StoredSlots {
  readonly sums: SlotSums;
}

interface StoredShape {
  readonly family: 4 | 6;
  readonly bytes: number;
  readonly rejection: NumberedRejection | undefined;
  readonly notesWire?: boolean | undefined;
}

/** Or why they cannot be used. @param found the slots, and perhaps more behind them */
export function slotsOf(
  found: Uint8Array | string,
  { family, bytes, rejection, notesWire = false }: StoredShape,
): StoredSlots | string {
  if (typeof found === 'string') return found;
  if (found.length < bytes) return 'it is cut short';
  const memory = new Int32Array(found.buffer, found.byteOffset, bytes / 4);
  return { family, ...tableParts(family, memory, notesWire), rejection };
}

/**
 * Of the sizes that each table has had, the one that holds the most. A smaller one was whole before the next was begun, and
 * nothing was counted before that was whole in turn: until then it holds fewer packets, or as many and fewer bytes. The tap's come first,
 * then those of rejected packets as they were made.
 */
export function bestTables(found: Iterable<StoredSlots>, windowSeconds: number): RecoveredTable[] {
  const best = new Map<number, RecoveredTable>();
  for (const slots of found) {
    const { family, rejection } = slots;
    const order = rejection === undefined ? family - 8 : rejection.number * 8 + family;
    const sums = clearDamagedSlots(slots, windowSeconds);
    const before = best.get(order);
    if (before === undefined || isMore(sums, before.sums)) best.set(order, { ...slots, sums });
  }
  return [...best].sort(([left], [right]) => left - right).map(([, table]) => table);
}

function isMore(left: SlotSums, right: SlotSums): boolean {
  return left.packets > right.packets || (left.packets === right.packets && left.bytes > right.bytes);
}
