/** Connections and tuples as the translation table takes them, from addresses and ports as people write them. */
import type { Connection } from '../../agent/conntrack/connection.ts';
import { ConntrackReader } from '../../agent/conntrack/ctnetlink.ts';
import { DESTINATION, PORTS, TUPLE_WORDS, type Tuple } from '../../agent/conntrack/tuple.ts';
import { parseNetwork } from '../../agent/packet/address.ts';
import { addressText } from '../../agent/record/endpoint.ts';
import { connectionMessage, type Ends, type TrackedConnection, TYPE } from './ctnetlink.ts';

export function connectionOf(tracked: TrackedConnection): Connection {
  const reader = new ConntrackReader();
  reader.load(connectionMessage(TYPE.new, tracked));
  reader.next();
  return reader.connection;
}

export function tupleOf({ source, destination, sourcePort = 0, destinationPort = 0 }: Ends): Tuple {
  const tuple: Tuple = new Int32Array(TUPLE_WORDS);
  tuple.set(parseNetwork(source)!.words, 0);
  tuple.set(parseNetwork(destination)!.words, DESTINATION);
  tuple[PORTS] = (sourcePort << 16) | destinationPort;
  return tuple;
}

export function endsOf(family: 4 | 6, tuple: Tuple): Required<Ends> {
  const address = (at: number) =>
    addressText(
      family,
      [...tuple.subarray(at, at + 4)].map((word) => word >>> 0),
    );
  const ports = tuple[PORTS]!;
  return {
    source: address(0),
    destination: address(DESTINATION),
    sourcePort: ports >>> 16,
    destinationPort: ports & 0xffff,
  };
}

export function turned({ source, destination, sourcePort = 0, destinationPort = 0 }: Ends): Required<Ends> {
  return { source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort };
}
