/** Reads the largest peers of an exclusion rule out of a ledger (grammar: `proto/flowlog.proto`). */
import { type ExcludedPeer, type ExcludedPeers, summaryOf } from '../model/excluded-peers.ts';
import { PEER_TAG, PEERS_TAG } from './flow-batch.ts';
import { damaged, type ProtobufReader } from './protobuf-reader.ts';

const PROTOCOL_MAX = 255;
const PORT_MAX = 65_535;

type MutablePeer = { -readonly [field in keyof ExcludedPeer]: ExcludedPeer[field] };

export function readExcludedPeers(wire: ProtobufReader, into: Record<string, ExcludedPeers>): void {
  const peers: ExcludedPeer[] = [];
  let rule = '';
  let unlistedBytesMax = 0;
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === PEERS_TAG.rule) rule = wire.text();
    else if (tag === PEERS_TAG.peer) peers.push(readPeer(wire));
    else if (tag === PEERS_TAG.unlistedBytesMax) unlistedBytesMax = wire.varint();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  // As of the rules' tallies: this one name would lead into every object of the process.
  if (rule === '__proto__') throw damaged('an exclusion rule has a name that no rule can have');
  into[rule] = summaryOf(peers, unlistedBytesMax);
}

function readPeer(wire: ProtobufReader): ExcludedPeer {
  const peer: MutablePeer = {
    source: '',
    destination: '',
    protocol: 0,
    port: 0,
    packets: 0,
    bytes: 0,
    missedBytesMax: 0,
  };
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === PEER_TAG.source) peer.source = wire.text();
    else if (tag === PEER_TAG.destination) peer.destination = wire.text();
    else if (tag === PEER_TAG.protocol) peer.protocol = wire.varint();
    else if (tag === PEER_TAG.port) peer.port = wire.varint();
    else if (tag === PEER_TAG.packets) peer.packets = wire.varint();
    else if (tag === PEER_TAG.bytes) peer.bytes = wire.varint();
    else if (tag === PEER_TAG.missedBytesMax) peer.missedBytesMax = wire.varint();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  if (peer.protocol > PROTOCOL_MAX || peer.port > PORT_MAX)
    throw damaged('a peer has a number that no packet can have');
  return peer;
}
