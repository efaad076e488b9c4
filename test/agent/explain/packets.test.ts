import { describe, expect, test } from 'vitest';
import { visitPackets } from '../../../agent/explain/packets.ts';
import { damaged, type Read, ScriptedSavefile } from '../../support/scripted-savefile.ts';

const frame = (length: number): Uint8Array => new Uint8Array(length).fill(length);
const reads: readonly Read[] = [
  {
    packets: [
      { seconds: 1, nanoseconds: 5, bytes: frame(3), wireLength: 60 },
      { seconds: 2, bytes: frame(17) },
    ],
  },
  { packets: [] },
  { linkType: 101, packets: [{ seconds: 3, bytes: frame(8) }] },
];

describe('a visit of the packets of a file', () => {
  test('numbers them over all batches, each with its own bytes and link type', async () => {
    const seen: unknown[] = [];
    const packets = await visitPackets(new ScriptedSavefile('x.pcap', reads), (packet) => {
      const { number, seconds, nanoseconds, linkType, wire, captured, view, at } = packet;
      const bytes = new Set(new Uint8Array(view.buffer, view.byteOffset + at, captured));
      seen.push([number, seconds, nanoseconds, linkType, wire, captured, [...bytes]]);
      return true;
    });
    expect(packets).toBe(3);
    expect(seen).toEqual([
      [1, 1, 5, 1, 60, 3, [3]],
      [2, 2, 0, 1, 17, 17, [17]],
      [3, 3, 0, 101, 8, 8, [8]],
    ]);
  });

  test('ends where its visitor has seen enough, before anything behind is read', async () => {
    const numbers: number[] = [];
    const packets = await visitPackets(new ScriptedSavefile('x.pcap', [...reads, damaged('x.pcap')]), ({ number }) => {
      numbers.push(number);
      return number < 2;
    });
    expect([packets, numbers]).toEqual([2, [1, 2]]);
  });

  test('ends with the damage of its file, behind the packets before that', async () => {
    let last = 0;
    const source = new ScriptedSavefile('x.pcap', [...reads, damaged('x.pcap')]);
    const visit = visitPackets(source, ({ number }) => {
      last = number;
      return true;
    });
    await expect(visit).rejects.toEqual(damaged('x.pcap'));
    expect(last).toBe(3);
  });
});
