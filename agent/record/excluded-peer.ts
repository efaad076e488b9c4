import { type ExcludedPeer, type ExcludedPeers, peersOf } from '../model/excluded-peers.ts';
import { humanBytes } from './human.ts';
import { protocolName } from './protocol-name.ts';

/** One line a rule stays one line. */
const PEERS_SHOWN = 2;

/** `10.0.0.5 > 203.0.113.9 tcp/1688`; without a port where the protocol has none. */
export function peerText({ source, destination, protocol, port }: ExcludedPeer): string {
  const name = protocolName(protocol).toLowerCase();
  return `${source} > ${destination} ${port === 0 ? name : `${name}/${port}`}`;
}

/** The largest peers of a rule with their bytes; undefined where none are known. */
export function largestPeersText(byRule: Readonly<Record<string, ExcludedPeers>>, rule: string): string | undefined {
  const peers = peersOf(byRule, rule);
  if (peers.length === 0) return undefined;
  const shown = peers.slice(0, PEERS_SHOWN).map((peer) => `${peerText(peer)} (${humanBytes(peer.bytes)})`);
  const more = peers.length - shown.length;
  return `${shown.join(', ')}${more === 0 ? '' : `, and ${more} more`}`;
}
