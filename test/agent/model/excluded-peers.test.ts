import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addExcludedPeers,
  type ExcludedPeer,
  type ExcludedPeers,
  PEERS_MAX,
  peersOf,
  summaryOf,
} from '../../../agent/model/excluded-peers.ts';

const peer = (host: number, bytes: number): ExcludedPeer => ({
  source: `10.0.0.${host}`,
  destination: '10.0.0.9',
  protocol: 17,
  port: 67,
  packets: 1,
  bytes,
  missedBytesMax: 0,
});
const hostOf = ({ source }: ExcludedPeer): number => Number(source.slice('10.0.0.'.length));

/** The summary of one window, in which each host exchanged what stands under its number. */
function windowOf(bytesByHost: ReadonlyMap<number, number>): ExcludedPeers {
  return summaryOf(
    [...bytesByHost].map(([host, bytes]) => peer(host, bytes)),
    0,
  );
}

describe('a summary of who was excluded', () => {
  test('lists the largest, and says what nobody else exceeds', () => {
    const many = Array.from({ length: PEERS_MAX + 2 }, (_, index) => peer(index, 100 + index));
    const { peers, unlistedBytesMax } = summaryOf(many, 0);
    expect(peers.map(({ bytes }) => bytes)).toEqual(Array.from({ length: PEERS_MAX }, (_, index) => 117 - index));
    expect(unlistedBytesMax).toBe(101);
    expect(summaryOf(many.slice(0, 3), 7).unlistedBytesMax).toBe(7);
  });

  test('adds up the same direction, whatever its rule is called', () => {
    const into: Record<string, ExcludedPeers> = {};
    for (const rule of ['constructor', 'dhcp']) {
      addExcludedPeers(into, { [rule]: summaryOf([peer(1, 10)], 0) });
      addExcludedPeers(into, { [rule]: summaryOf([peer(1, 5), peer(2, 20)], 0) });
      expect(peersOf(into, rule).map((each) => [hostOf(each), each.packets, each.bytes])).toEqual([
        [2, 1, 20],
        [1, 2, 15],
      ]);
    }
    expect(peersOf({}, 'constructor')).toEqual([]);
  });

  test('adds up what a peer may have exchanged unlisted, on both sides', () => {
    const into = { dhcp: summaryOf([{ ...peer(1, 10), missedBytesMax: 3 }], 5) };
    addExcludedPeers(into, { dhcp: summaryOf([{ ...peer(1, 20), missedBytesMax: 4 }, peer(2, 1)], 6) });
    expect(into.dhcp).toEqual({
      peers: [
        { ...peer(1, 30), packets: 2, missedBytesMax: 7 },
        { ...peer(2, 1), missedBytesMax: 5 },
      ],
      unlistedBytesMax: 11,
    });
  });

  test('does not mistake another port, protocol or direction for the same', () => {
    const into = { dhcp: summaryOf([peer(1, 10)], 0) };
    const { source, destination } = peer(1, 1);
    addExcludedPeers(into, {
      dhcp: summaryOf(
        [
          { ...peer(1, 1), port: 68 },
          { ...peer(1, 2), protocol: 6 },
          { ...peer(1, 3), source: destination, destination: source },
        ],
        0,
      ),
    });
    expect(into.dhcp.peers.map(({ bytes }) => bytes)).toEqual([10, 3, 2, 1]);
  });

  test('holds what it promises over any number of windows', () => {
    const hosts = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1000 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.array(hosts, { minLength: 1, maxLength: 5 }), (windows) => {
        const truth = new Map<number, number>();
        const sum: Record<string, ExcludedPeers> = {};
        for (const window of windows) {
          const bytesByHost = new Map<number, number>();
          for (const [host, bytes] of window) {
            bytesByHost.set(host, (bytesByHost.get(host) ?? 0) + bytes);
            truth.set(host, (truth.get(host) ?? 0) + bytes);
          }
          addExcludedPeers(sum, { dhcp: windowOf(bytesByHost) });
        }
        const { peers, unlistedBytesMax } = sum['dhcp']!;
        expect(peers.length).toBeLessThanOrEqual(PEERS_MAX);
        const listed = new Map(peers.map((each) => [hostOf(each), each]));
        for (const [host, bytes] of truth) {
          const found = listed.get(host);
          if (found === undefined) expect(bytes).toBeLessThanOrEqual(unlistedBytesMax);
          else {
            expect(found.bytes).toBeLessThanOrEqual(bytes);
            expect(bytes).toBeLessThanOrEqual(found.bytes + found.missedBytesMax);
          }
        }
        const all = [...truth.values()].reduce((total, bytes) => total + bytes, 0);
        for (const [host, bytes] of truth) {
          if (windows.length === 1 && bytes > all / PEERS_MAX) expect(listed.has(host)).toBe(true);
        }
      }),
    );
  });
});
