import { describe, expect, test } from 'vitest';
import { IPV4_STATE, IPV4_WORDS, OCCUPIED } from '../../../agent/flow/slot-layout.ts';
import { SettledSlots } from '../../../agent/meter/settled-slots.ts';
import { fillIpv4 } from '../../support/closed-windows.ts';

const BYTES = 256 * 1024;

/** A file of one table, of which every reading can see another state. */
class ChangingFile {
  readonly words = new Int32Array(BYTES / 4);
  readings = 0;
  /** Before each reading. */
  change: (reading: number) => void = () => undefined;
  length = BYTES;

  readonly read = (into: Uint8Array, position: number): number => {
    this.change(this.readings++);
    const file = new Uint8Array(this.words.buffer, 0, this.length);
    const part = file.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  };

  packetsOf(slot: number, read = this.words): number {
    return read[slot * IPV4_WORDS + IPV4_STATE + 1]!;
  }

  count(slot: number): void {
    this.words[slot * IPV4_WORDS + IPV4_STATE + 1]! += 1;
  }
}

function filled(): ChangingFile {
  const file = new ChangingFile();
  fillIpv4(file.words, 4000);
  return file;
}

describe('slots that another thread is writing', () => {
  test('are read as they are while nothing changes, each twice', () => {
    const file = filled();
    const words = new Int32Array(BYTES / 4);
    const settled = new SettledSlots();
    expect(settled.read(file.read, 0, 4, words)).toBe(true);
    expect(words).toEqual(file.words);
    expect(file.readings).toBe((2 * BYTES) / (64 * 1024));
    expect(settled.unsettled).toBe(0);
  });

  test('are read again until two readings agree', () => {
    const file = filled();
    // Between the two words of a packet: the packet is counted, its bytes are not.
    file.change = (reading) => {
      if (reading === 1) file.count(1);
      if (reading === 2) file.words[IPV4_WORDS + IPV4_STATE + 2]! += 60;
    };
    const words = new Int32Array(BYTES / 4);
    const settled = new SettledSlots();
    expect(settled.read(file.read, 0, 4, words)).toBe(true);
    expect(words.subarray(0, 64)).toEqual(file.words.subarray(0, 64));
    expect(settled.unsettled).toBe(0);
  });

  test('that never settle read as flows without packets, and are counted', () => {
    const file = filled();
    file.change = () => file.count(3);
    const words = new Int32Array(BYTES / 4);
    const settled = new SettledSlots();
    expect(settled.read(file.read, 0, 4, words)).toBe(true);
    expect(file.packetsOf(3, words)).toBe(0);
    expect(words[3 * IPV4_WORDS + IPV4_STATE]! & OCCUPIED).not.toBe(0);
    expect(file.packetsOf(5, words)).toBe(file.packetsOf(5));
    expect(settled.unsettled).toBe(1);
    expect(file.readings).toBeLessThan(40);
  });

  test('of a file that was cut meanwhile are refused', () => {
    const file = filled();
    file.change = (reading) => {
      if (reading === 3) file.length = 100_000;
    };
    expect(new SettledSlots().read(file.read, 0, 4, new Int32Array(BYTES / 4))).toBe(false);
  });
});
