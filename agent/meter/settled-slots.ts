/**
 * Slots of a table that another thread is writing, read from its file without that thread's help: through the page cache, where a write
 * through its mapping is seen at once, and where a table that is cut away meanwhile is a short read and not a signal.
 *
 * A slot counts when two readings of it, one after the other, are the same in every word. Its writer stores the words of a packet in an order
 * that a kill may cut anywhere (slot-layout.ts), so what the two agree on is a slot between two packets, or one that a
 * writer which does not run at the moment has begun: that one, too, reads right. A slot that changes with each of `READINGS_MAX` readings is not
 * settled: it reads as a flow without packets.
 */
import { SLOT_LAYOUTS } from '../flow/slot-key.ts';

/** Fills the bytes from this position of the file on; answers how many there were. */
export type ReadInto = (bytes: Uint8Array, position: number) => number;

const CHUNK_BYTES = 64 * 1024;
const READINGS_MAX = 16;

export class SettledSlots {
  /** Slots that were not settled, since the beginning. */
  unsettled = 0;
  readonly #again = Buffer.alloc(CHUNK_BYTES);

  /** Fills `words` with a table; false where the file ends before. */
  read(read: ReadInto, position: number, family: 4 | 6, words: Int32Array): boolean {
    const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const first = bytes.subarray(at, at + CHUNK_BYTES);
      const again = this.#again.subarray(0, first.length);
      if (read(first, position + at) < first.length || read(again, position + at) < first.length) return false;
      if (!first.equals(again))
        this.#settle(read, position + at, family, words.subarray(at / 4, (at + first.length) / 4));
    }
    return true;
  }

  #settle(read: ReadInto, position: number, family: 4 | 6, words: Int32Array): void {
    const slotBytes = SLOT_LAYOUTS[family].words * 4;
    const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
    for (let at = 0; at < bytes.length; at += slotBytes) {
      const slot = bytes.subarray(at, at + slotBytes);
      const again = this.#again.subarray(at, at + slotBytes);
      if (slot.equals(again) || isSettled(read, position + at, slot, again)) continue;
      this.unsettled++;
      words[at / 4 + SLOT_LAYOUTS[family].state + 1] = 0;
    }
  }
}

/** Leaves in `slot` what two readings agree on. */
function isSettled(read: ReadInto, position: number, slot: Buffer, again: Buffer): boolean {
  for (let reading = 0; reading < READINGS_MAX; reading++) {
    slot.set(again);
    if (read(again, position) < again.length) return false;
    if (slot.equals(again)) return true;
  }
  return false;
}
