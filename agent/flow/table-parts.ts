/**
 * How the memory of a table is divided: slots (slot-layout.ts), and behind them, in the tables of flow logs that show it, what their flows
 * are on the wire more than here (packet/segments.ts).
 *
 *     slot 0  slot 1 ...  further 0  further 1 ...  zeros up to a whole page
 *
 *     further   0 packets  1 bytes, both float64
 *
 * Only frames that stand for several packets touch the second part. A float64 is stored at once, so a kill leaves the one before or the
 * one after. Such a flow takes 72 to 144 bytes instead of 48 to 96 (IPv6 120 to 240), other tables are slots and nothing else.
 */
import type { FlowRecord } from '../model/flow-record.ts';
import { IPV4_WORDS, IPV6_WORDS } from './slot-layout.ts';

export interface TableParts {
  readonly words: Int32Array;
  readonly further: Float64Array | undefined;
}

const FURTHER_BYTES = 16;
/** Those of a file are whole. */
const PAGE_BYTES = 4096;

export function tableBytes(family: 4 | 6, slots: number, notesWire: boolean): number {
  const bytes = slots * slotBytesOf(family);
  return notesWire ? Math.ceil((bytes + slots * FURTHER_BYTES) / PAGE_BYTES) * PAGE_BYTES : bytes;
}

/** The inverse: a table has a power of two of slots. */
export function slotsIn(family: 4 | 6, bytes: number, notesWire: boolean): number {
  const slotBytes = slotBytesOf(family);
  return notesWire ? 2 ** Math.floor(Math.log2(bytes / (slotBytes + FURTHER_BYTES))) : bytes / slotBytes;
}

/** @param memory all of a table's */
export function tableParts(family: 4 | 6, memory: Int32Array, notesWire: boolean): TableParts {
  if (!notesWire) return { words: memory, further: undefined };
  const slots = slotsIn(family, memory.byteLength, true);
  const words = memory.subarray(0, (slots * slotBytesOf(family)) / 4);
  return { words, further: new Float64Array(memory.buffer, words.byteOffset + words.byteLength, 2 * slots) };
}

/** Loads what the flow in the slot of this number is on the wire more than here. */
export function loadFurther(further: Float64Array | undefined, slot: number, record: FlowRecord): void {
  if (further === undefined) return;
  record.furtherPackets = further[2 * slot]!;
  record.furtherBytes = further[2 * slot + 1]!;
}

function slotBytesOf(family: 4 | 6): number {
  return 4 * (family === 4 ? IPV4_WORDS : IPV6_WORDS);
}
