/**
 * Whether a flow came in through its interface or went out of it. Evidence, the strongest first:
 *
 *   1. one of the two addresses is the host's own;
 *   2. one of the two addresses, and not the other, lies in a network that the interface is attached to: what a gateway
 *      forwards comes in from there or goes out to there;
 *   3. one of them, and not the other, lies in a network behind another interface of the host, as the sites behind the two
 *      ends of a tunnel do: what a gateway forwards goes out from there or comes in to there.
 *
 * None of it, or as much of both (a host that talks to itself): unknown. Nothing is asked of the packet path, so a flow that truly went
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

/** How far on the host's side of the interface an address lies; one of which nothing is known lies at 0. */
const OWN = 2;
const BEHIND = 1;
const UNKNOWN = 0;
const ATTACHED = -1;
type Side = typeof OWN | typeof BEHIND | typeof ATTACHED;

/** @param interfaces asked once for each window, because addresses come and go */
export function annotateDirection(interfaces: () => readonly InterfaceAddresses[]): RecordAnnotator {
  let sides = new AddressMap<Side>([]);
  return {
    begin({ point }) {
      sides = sidesOf(interfaces(), point.interfaceName);
    },
    annotate(record: FlowRecord) {
      record.isAnnotated = true;
      record.annotations.direction = directionOf(
        sides.ofSource(record) ?? UNKNOWN,
        sides.ofDestination(record) ?? UNKNOWN,
      );
    },
  };
}

function directionOf(source: number, destination: number): Direction {
  if (source === destination) return 'unknown';
  return source > destination ? 'egress' : 'ingress';
}

/** Of networks that are on both sides the later one counts. The device `any` has no other side: nothing lies behind it. */
function sidesOf(interfaces: readonly InterfaceAddresses[], name: string): AddressMap<Side> {
  const addressesOf = (chosen: readonly InterfaceAddresses[]) => chosen.flatMap(({ addresses }) => addresses);
  const here = interfaces.filter((one) => one.name === name);
  const others = here.length === 0 ? [] : interfaces.filter((one) => one.name !== name);
  const own = addressesOf(interfaces).map((address) => address.split('/')[0]!);
  return new AddressMap([
    ...networksOf(addressesOf(others), BEHIND),
    ...networksOf(addressesOf(here), ATTACHED),
    ...networksOf(own, OWN),
  ]);
}

function networksOf(texts: readonly string[], side: Side): (readonly [Network, Side])[] {
  return texts.flatMap((text) => {
    const network = parseNetwork(text.replace(/%[^/]*/, ''));
    return network === undefined ? [] : [[network, side] as const];
  });
}
