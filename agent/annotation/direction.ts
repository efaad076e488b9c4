/**
 * Whether a flow came in through its interface or went out of it. Evidence, the strongest first:
 *
 *   1. one of the two addresses is the host's own;
 *   2. one of the two addresses, and not the other, lies in a network that the interface is attached to: what a gateway
 *      forwards comes in from there or goes out to there.
 *
 * Neither, or both (a host that talks to itself): unknown. Nothing is asked of the packet path, so a flow that truly went
 * both ways under one key, as hairpinned traffic does, has the direction of its addresses.
 */
import type { Direction } from '../model/annotations.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import { type Network, parseNetwork } from '../packet/address.ts';
import { AddressMap } from './address-map.ts';

/** The addresses of one interface, with prefix length: `10.0.0.1/24`. */
export interface InterfaceAddresses {
  readonly name: string;
  readonly addresses: readonly string[];
}

const OWN = 'own';
const ATTACHED = 'attached';
type Place = typeof OWN | typeof ATTACHED;

/** @param interfaces asked once for each window, because addresses come and go */
export function annotateDirection(interfaces: () => readonly InterfaceAddresses[]): RecordAnnotator {
  let places = new AddressMap<Place>([]);
  return {
    begin({ point }) {
      places = placesOf(interfaces(), point.interfaceName);
    },
    annotate(record: FlowRecord) {
      record.isAnnotated = true;
      record.annotations.direction = directionOf(places.ofSource(record), places.ofDestination(record));
    },
  };
}

function directionOf(source: Place | undefined, destination: Place | undefined): Direction {
  if (source === destination) return 'unknown';
  if (source === OWN) return 'egress';
  if (destination === OWN) return 'ingress';
  return source === ATTACHED ? 'ingress' : 'egress';
}

function placesOf(interfaces: readonly InterfaceAddresses[], name: string): AddressMap<Place> {
  const attached = interfaces.filter((one) => one.name === name).flatMap(({ addresses }) => addresses);
  const own = interfaces.flatMap(({ addresses }) => addresses.map((address) => address.split('/')[0]!));
  return new AddressMap([...networksOf(attached, ATTACHED), ...networksOf(own, OWN)]);
}

function networksOf(texts: readonly string[], place: Place): (readonly [Network, Place])[] {
  return texts.flatMap((text) => {
    const network = parseNetwork(text.replace(/%[^/]*/, ''));
    return network === undefined ? [] : [[network, place] as const];
  });
}
