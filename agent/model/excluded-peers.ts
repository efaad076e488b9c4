/**
 * The largest peers of what an exclusion rule kept out of the records, so that no host hides behind a rule: a summary of
 * bounded size, by the space-saving method (Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", 2005), weighted by bytes. Whoever exchanged more than a sixteenth of a rule's bytes is listed.
 */

/** One direction between two addresses, whatever the client's port. */
export interface ExcludedPeer {
  readonly source: string;
  readonly destination: string;
  /** IANA number. */
  readonly protocol: number;
  /** The lower one of the two, which is nearly always the service's. */
  readonly port: number;
  /** Counted since it has been listed. */
  readonly packets: number;
  readonly bytes: number;
  /** Bytes that may have come before that, at most: it exchanged `bytes` or up to so many more. */
  readonly missedBytesMax: number;
}

export interface ExcludedPeers {
  /** Largest first. */
  readonly peers: readonly ExcludedPeer[];
  /** Whoever is not listed exchanged no more than this. */
  readonly unlistedBytesMax: number;
}

export const PEERS_MAX = 16;

/** Those of a rule, whatever its name: `constructor` is one. */
export function peersOf(byRule: Readonly<Record<string, ExcludedPeers>>, rule: string): readonly ExcludedPeer[] {
  return Object.hasOwn(byRule, rule) ? byRule[rule]!.peers : [];
}

/** Adds the peers of `from` to those of `into`, rule by rule. The limits add up and still hold. */
export function addExcludedPeers(into: Record<string, ExcludedPeers>, from: Readonly<Record<string, ExcludedPeers>>) {
  for (const [rule, peers] of Object.entries(from)) {
    into[rule] = Object.hasOwn(into, rule) ? joined(into[rule]!, peers) : peers;
  }
}

function joined(left: ExcludedPeers, right: ExcludedPeers): ExcludedPeers {
  const others = new Map(right.peers.map((peer) => [keyOf(peer), peer]));
  const all = left.peers.map((peer) => {
    const other = others.get(keyOf(peer));
    others.delete(keyOf(peer));
    return other === undefined ? withMissed(peer, right.unlistedBytesMax) : sum(peer, other);
  });
  for (const peer of others.values()) all.push(withMissed(peer, left.unlistedBytesMax));
  return summaryOf(all, left.unlistedBytesMax + right.unlistedBytesMax);
}

/** The largest of `peers`, where no other exchanged more than `unlistedBytesMax`. */
export function summaryOf(peers: readonly ExcludedPeer[], unlistedBytesMax: number): ExcludedPeers {
  const byWeight = peers.toSorted((left, right) => weightOf(right) - weightOf(left));
  const next = byWeight[PEERS_MAX];
  return {
    peers: byWeight.slice(0, PEERS_MAX),
    unlistedBytesMax: Math.max(unlistedBytesMax, next === undefined ? 0 : weightOf(next)),
  };
}

function weightOf({ bytes, missedBytesMax }: ExcludedPeer): number {
  return bytes + missedBytesMax;
}

function keyOf({ source, destination, protocol, port }: ExcludedPeer): string {
  return `${source} ${destination} ${protocol} ${port}`;
}

function withMissed(peer: ExcludedPeer, bytes: number): ExcludedPeer {
  return { ...peer, missedBytesMax: peer.missedBytesMax + bytes };
}

function sum(left: ExcludedPeer, right: ExcludedPeer): ExcludedPeer {
  return {
    ...left,
    packets: left.packets + right.packets,
    bytes: left.bytes + right.bytes,
    missedBytesMax: left.missedBytesMax + right.missedBytesMax,
  };
}
