import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerSketch } from '../../../agent/flow/peer-sketch.ts';
import { excludedPeersOf } from '../../../agent/meter/excluded-peers.ts';
import { addExcludedPeers, type ExcludedPeers, PEERS_MAX } from '../../../agent/model/excluded-peers.ts';
import { addressText } from '../../../agent/record/endpoint.ts';
import { type KeyedPacket, toRows } from '../../support/key-rows.ts';

const packet: fc.Arbitrary<KeyedPacket> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    host: fc.nat(30),
    other: fc.nat(2),
    sourcePort: fc.constantFrom(1688, 40_000, 50_000),
    destinationPort: fc.constantFrom(443, 1688, 60_000),
    protocol: fc.constantFrom(6, 17),
    bytes: fc.oneof(fc.integer({ min: 20, max: 1500 }), fc.integer({ min: 0x8000_0000, max: 0xffff_ffff })),
  })
  .map(({ host, other, family, ...rest }) => ({
    ...rest,
    family,
    source: family === 4 ? [0x0a00_0000 + host] : [0x2001_0db8, 0, 0, host],
    destination: family === 4 ? [0x0a00_0100 + other] : [0x2001_0db8, 0, other, 1],
    tcpFlags: 0,
    microseconds: 0,
  }));
/** Mostly small packets of many, so that places are taken over; some large ones of few. */
const packets = fc.array(packet, { maxLength: 300, size: 'max' });

/** What the sketch is to be held against: every peer, exactly. */
function exact(all: readonly KeyedPacket[]): Map<string, { packets: number; bytes: number }> {
  const sums = new Map<string, { packets: number; bytes: number }>();
  for (const each of all) {
    const key = keyOf({
      source: addressText(each.family, each.source),
      destination: addressText(each.family, each.destination),
      protocol: each.protocol,
      port: Math.min(each.sourcePort, each.destinationPort),
    });
    const before = sums.get(key) ?? { packets: 0, bytes: 0 };
    sums.set(key, { packets: before.packets + 1, bytes: before.bytes + each.bytes });
  }
  return sums;
}

const keyOf = (peer: { source: string; destination: string; protocol: number; port: number }) =>
  `${peer.source} ${peer.destination} ${peer.protocol} ${peer.port}`;

function summary(all: readonly KeyedPacket[]): Record<string, ExcludedPeers> {
  const sketch = new PeerSketch();
  // The meter's rows are used again and again: behind the word of an IPv4 address stands what an IPv6 one left.
  for (const [index, each] of all.entries()) {
    const rows = toRows([each]);
    if (each.family === 4) for (const word of [1, 2, 3, 5, 6, 7]) rows[word] = index;
    sketch.add(rows, 0, each.family);
  }
  return excludedPeersOf([undefined, sketch], ['other', 'mine']);
}

/** Every promise of a summary: bounds from below and above, nobody large is missing, the largest is first. */
function expectPromises({ peers, unlistedBytesMax }: ExcludedPeers, all: readonly KeyedPacket[]): void {
  const truth = exact(all);
  const total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(peers.length).toBe(Math.min(PEERS_MAX, truth.size));
  for (const peer of peers) {
    const right = truth.get(keyOf(peer))!;
    expect(peer.packets).toBeLessThanOrEqual(right.packets);
    expect(peer.bytes).toBeLessThanOrEqual(right.bytes);
    expect(peer.bytes + peer.missedBytesMax).toBeGreaterThanOrEqual(right.bytes);
    truth.delete(keyOf(peer));
  }
  for (const { bytes } of truth.values()) expect(bytes).toBeLessThanOrEqual(unlistedBytesMax);
  expect(unlistedBytesMax).toBeLessThanOrEqual(total);
  const weights = peers.map(({ bytes, missedBytesMax }) => bytes + missedBytesMax);
  expect(weights).toEqual(weights.toSorted((left, right) => right - left));
}

describe('the largest peers of an exclusion rule', () => {
  test('are within their bounds, and nobody larger is left out, whatever the traffic', () => {
    fc.assert(
      fc.property(packets, (all) => {
        const { mine, other } = summary(all);
        expect(other).toBeUndefined();
        expectPromises(mine!, all);
        const total = all.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(mine!.unlistedBytesMax).toBeLessThanOrEqual(total / PEERS_MAX);
      }),
      { numRuns: 500 },
    );
  });

  test('are exact as long as there are no more than have room', () => {
    fc.assert(
      fc.property(packets, (all) => {
        const few = all.filter(({ source, destination }) => source.at(-1)! % 2 === 0 && destination.at(-1)! % 2 === 1);
        const truth = exact(few);
        fc.pre(truth.size <= PEERS_MAX);
        for (const { packets, bytes, missedBytesMax, ...key } of summary(few)['mine']!.peers) {
          expect({ packets, bytes, missedBytesMax }).toEqual({ ...truth.get(keyOf(key))!, missedBytesMax: 0 });
        }
      }),
    );
  });

  test('keep their bounds when windows are added up', () => {
    fc.assert(
      fc.property(fc.array(packets, { minLength: 1, maxLength: 4 }), (windows) => {
        const sum: Record<string, ExcludedPeers> = {};
        for (const each of windows) addExcludedPeers(sum, summary(each));
        expectPromises(sum['mine']!, windows.flat());
      }),
      { numRuns: 200 },
    );
  });

  test('have the one who exchanged the most first, however many small ones come between', () => {
    const at = (host: number, bytes: number): KeyedPacket => ({
      ...{ family: 4, source: [host], destination: [1], sourcePort: 1688, destinationPort: 50_000 },
      ...{ protocol: 6, tcpFlags: 0, microseconds: 0, bytes },
    });
    const all = Array.from({ length: 100_000 }, (_, index) => (index % 10 === 0 ? at(7, 1500) : at(1000 + index, 60)));
    const [first] = summary(all)['mine']!.peers;
    expect(first).toMatchObject({ source: '0.0.0.7', port: 1688, protocol: 6 });
    expect(first!.bytes + first!.missedBytesMax).toBeGreaterThanOrEqual(15_000_000);
  });
});
