/** The largest peers of a window's exclusion rules, as its ledger has them. */
import type { PeerPlace, PeerSketch } from '../flow/peer-sketch.ts';
import { type ExcludedPeer, type ExcludedPeers, summaryOf } from '../model/excluded-peers.ts';
import { addressText } from '../record/endpoint.ts';

/** @param sketches by the index of the rule; none where nothing was excluded */
export function excludedPeersOf(
  sketches: readonly (PeerSketch | undefined)[],
  ruleNames: readonly string[],
): Record<string, ExcludedPeers> {
  const peers: Record<string, ExcludedPeers> = {};
  for (const [rule, sketch] of sketches.entries()) {
    if (sketch !== undefined) peers[ruleNames[rule]!] = summaryOf(sketch.places.map(peerOf), sketch.unlistedBytesMax);
  }
  return peers;
}

function peerOf({ keys, at, family, ...rest }: PeerPlace): ExcludedPeer {
  const address = (word: number) =>
    addressText(
      family,
      [0, 1, 2, 3].map((offset) => keys[word + offset]!),
    );
  return { source: address(at), destination: address(at + 4), ...rest };
}
