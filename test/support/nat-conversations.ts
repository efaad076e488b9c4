/** A conversation of every kind that a gateway translates, each with what its two ends saw of it. */
import { turned } from './conntrack-connection.ts';
import type { Ends } from './ctnetlink.ts';
import { ADDRESS, type NatGateway } from './nat-gateway.ts';
import { ask, type Endpoint, TalkServer } from './talk.ts';

export type Side = 'inside' | 'outside';

/** Its first packet before and after the gateway, and where each of them is seen. */
export interface Conversation {
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly before: Required<Ends>;
  readonly after: Required<Ends>;
  readonly beforeAt: Side;
  readonly afterAt: Side;
  readonly isTracked: boolean;
}

const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 } as const;

const at = (address: string, port: number): Endpoint => ({ address, port });

function ends(source: Endpoint, destination: Endpoint): Required<Ends> {
  return {
    source: source.address,
    destination: destination.address,
    sourcePort: source.port,
    destinationPort: destination.port,
  };
}

export function endsText({ source, sourcePort, destination, destinationPort }: Ends): string {
  return `${source} ${sourcePort} > ${destination} ${destinationPort}`;
}

/** The records that it must give: where it is seen and how, and what is known of the other side. */
export function recordsOf({ protocol, before, beforeAt, after, afterAt, isTracked }: Conversation): [string, string][] {
  const sides: [Side, Ends, Ends, string][] = [
    [beforeAt, before, after, 'source'],
    [afterAt, after, before, 'source'],
    [afterAt, turned(after), turned(before), 'destination'],
    [beforeAt, turned(before), turned(after), 'destination'],
  ];
  return sides.map(([side, seen, other, initiator]) => {
    const translated = endsText(seen) === endsText(other) ? 'same' : endsText(other);
    const known = isTracked ? `${translated}, begun by its ${initiator}` : 'unmatched';
    return [`${side} ${PROTOCOLS[protocol]} ${endsText(seen)}`, known];
  });
}

/** From behind the gateway to the server, which tells what it saw. */
async function outward(
  hosts: NatGateway,
  protocol: 'tcp' | 'udp',
  to: Endpoint,
  localPort: number,
): Promise<Conversation> {
  const server = await TalkServer.start(hosts.server, protocol, to);
  await ask(hosts.client, protocol, to, localPort);
  const client = to.address.includes(':') ? ADDRESS.client6 : ADDRESS.client;
  const [before, after] = [ends(at(client, localPort), to), ends(server.lastPeer, to)] as const;
  await server.stop();
  return { protocol, before, beforeAt: 'inside', after, afterAt: 'outside', isTracked: to.port !== 9999 };
}

/** From the server to what is published of the client. */
async function inward(
  hosts: NatGateway,
  protocol: 'tcp' | 'udp',
  to: Endpoint,
  service: Endpoint,
  localPort: number,
): Promise<Conversation> {
  const server = await TalkServer.start(hosts.client, protocol, service);
  await ask(hosts.server, protocol, to, localPort);
  const [before, after] = [ends(at(ADDRESS.server, localPort), to), ends(server.lastPeer, service)] as const;
  await server.stop();
  return { protocol, before, beforeAt: 'outside', after, afterAt: 'inside', isTracked: true };
}

/** From the client to itself, by the gateway's public address. */
async function hairpin(hosts: NatGateway): Promise<Conversation> {
  const [service, published] = [at(ADDRESS.client, 8080), at(ADDRESS.outside, 8443)];
  const server = await TalkServer.start(hosts.client, 'tcp', service);
  await ask(hosts.client, 'tcp', published, 42_000);
  const [before, after] = [ends(at(ADDRESS.client, 42_000), published), ends(server.lastPeer, service)] as const;
  await server.stop();
  return { protocol: 'tcp', before, beforeAt: 'inside', after, afterAt: 'inside', isTracked: true };
}

function ping(hosts: NatGateway): Conversation {
  hosts.ping();
  const before = ends(at(ADDRESS.client, 0), at(ADDRESS.server, 0));
  const after = ends(at(ADDRESS.outside, 0), at(ADDRESS.server, 0));
  return { protocol: 'icmp', before, beforeAt: 'inside', after, afterAt: 'outside', isTracked: true };
}

export const browse = (hosts: NatGateway) => outward(hosts, 'tcp', at(ADDRESS.server, 443), 44_000);
export const resolveName = (hosts: NatGateway) => outward(hosts, 'udp', at(ADDRESS.server, 53), 43_000);

export async function converse(hosts: NatGateway) {
  const published = at(ADDRESS.outside, 8443);
  return {
    masqueraded: await browse(hosts),
    masqueraded6: await outward(hosts, 'tcp', at(ADDRESS.server6, 443), 45_000),
    masqueradedUdp6: await outward(hosts, 'udp', at(ADDRESS.server6, 123), 45_001),
    pooled: await resolveName(hosts),
    published: await inward(hosts, 'tcp', published, at(ADDRESS.client, 8080), 41_000),
    hairpin: await hairpin(hosts),
    routed: await inward(hosts, 'udp', at(ADDRESS.client, 7000), at(ADDRESS.client, 7000), 46_000),
    untracked: await outward(hosts, 'udp', at(ADDRESS.server, 9999), 47_000),
    ping: ping(hosts),
  };
}
