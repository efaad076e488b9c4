/**
 * Slots that another process wrote and perhaps did not finish: those that no table can hold are emptied, the rest is added up.
 *
 * The state word is written last when a flow comes in, so a flow that was torn by a kill reads as a free slot. What is found
 * damaged here was torn by a power cut or by the disk.
 */
import { bytesOf } from './key-layout.ts';
import { IPV4_STATE, IPV4_WORDS, IPV6_STATE, IPV6_WORDS, OCCUPIED } from './slot-layout.ts';
import type { TableSlots } from './table-cursor.ts';

export interface SlotSums {
  flows: number;
  packets: number;
  bytes: number;
  /** Slots that were emptied. */
  damaged: number;
}

/** @param windowSeconds no packet of the window is later than this after its start */
export function clearDamagedSlots({ family, words, further }: TableSlots, windowSeconds: number): SlotSums {
  const slotWords = family === 4 ? IPV4_WORDS : IPV6_WORDS;
  const stateWord = family === 4 ? IPV4_STATE : IPV6_STATE;
  const microseconds = windowSeconds * 1_000_000;
  const sums = { flows: 0, packets: 0, bytes: 0, damaged: 0 };
  for (let at = stateWord; at < words.length; at += slotWords) {
    const state = words[at]!;
    if (state === 0) continue;
    const packets = words[at + 1]! >>> 0;
    const first = words[at + 3]!;
    const last = words[at + 4]!;
    const isCounted = packets > 0 && first >= 0 && first <= last && last < microseconds;
    if ((state & OCCUPIED) !== 0 && isCounted && isWhole(further, (at - stateWord) / slotWords)) {
      sums.flows += 1;
      sums.packets += packets;
      sums.bytes += bytesOf(state, words[at + 2]!);
    } else {
      words[at] = 0;
      sums.damaged += 1;
    }
  }
  return sums;
}

/** Of a slot's columns of what is on the wire. */
function isWhole(further: Float64Array | undefined, slot: number): boolean {
  return further === undefined || (isCount(further[2 * slot]!) && isCount(further[2 * slot + 1]!));
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
