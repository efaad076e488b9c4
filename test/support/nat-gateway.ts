import { execFileSync } from 'node:child_process';
import { compiled } from './compiled.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from './network-namespace.ts';
import { ethernet, icmpEcho, internetChecksum, ipv4, PROTOCOL, udp } from './packet-builder.ts';

/** Why no gateway can be made here, in one line; undefined when it can. */
export function natGatewayMissing(): string | undefined {
  return namespacesMissing() ?? commandMissing('nft') ?? commandMissing('cc');
}

export const ADDRESS = {
  client: '10.60.1.2',
  client6: 'fd60:1::2',
  inside: '10.60.1.1',
  inside6: 'fd60:1::1',
  outside: '192.0.2.1',
  outside6: '2001:db8::1',
  /** A second address of the gateway, to which UDP to port 53 is translated. */
  pool: '192.0.2.7',
  server: '192.0.2.2',
  server6: '2001:db8::2',
} as const;

/** Of UDP in an Ethernet frame with the shortest IPv4 header. */
const SOURCE_PORT_AT = 14 + 20;

const MAC = { client: '02:00:00:00:60:02', inside: '02:00:00:00:60:01' };

/** UDP to port 53 leaves from the pool, TCP to 8443 of the gateway goes to 8080 of the client, UDP to port 9999 is not tracked. */
const RULES = `
table inet gateway {
  chain raw { type filter hook prerouting priority raw; udp dport 9999 notrack; udp sport 9999 notrack; }
  chain incoming { type nat hook prerouting priority dstnat;
    ip daddr ${ADDRESS.outside} tcp dport 8443 dnat ip to ${ADDRESS.client}:8080; }
  chain outgoing { type nat hook postrouting priority srcnat;
    oifname "outside" ip saddr 10.60.1.0/24 udp dport 53 snat ip to ${ADDRESS.pool}:20000-20009;
    oifname "outside" ip saddr 10.60.1.0/24 masquerade;
    oifname "outside" ip6 saddr fd60:1::/64 masquerade;
    oifname "inside" ip saddr 10.60.1.0/24 masquerade; }
}
`;

/**
 * Three namespaces in a row: a client, a gateway that translates addresses, and a server.
 *
 *     client 10.60.1.2, fd60:1::2 ── inside [ gateway ] outside ── server 192.0.2.2, 2001:db8::2
 */
export class NatGateway {
  readonly client = new NetworkNamespace();
  readonly gateway = new NetworkNamespace();
  readonly server = new NetworkNamespace();
  readonly #sender = compiled('send-frames.c');

  constructor() {
    for (const namespace of [this.client, this.gateway, this.server]) allowIpv6(namespace);
    this.#join(this.client, 'eth0', 'inside', MAC);
    this.#join(this.server, 'eth0', 'outside');
    this.#address(this.client, 'eth0', `${ADDRESS.client}/24`, `${ADDRESS.client6}/64`);
    this.#address(this.gateway, 'inside', `${ADDRESS.inside}/24`, `${ADDRESS.inside6}/64`);
    this.#address(this.gateway, 'outside', `${ADDRESS.outside}/24`, `${ADDRESS.pool}/24`, `${ADDRESS.outside6}/64`);
    this.#address(this.server, 'eth0', `${ADDRESS.server}/24`, `${ADDRESS.server6}/64`);
    this.client.ip('route', 'add', 'default', 'via', ADDRESS.inside);
    this.client.ip('-6', 'route', 'add', 'default', 'via', ADDRESS.inside6);
    this.server.ip('route', 'add', '10.60.1.0/24', 'via', ADDRESS.outside);
    write(this.gateway, 1, '/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding');
    execFileSync('ip', ['netns', 'exec', this.gateway.name, 'nft', '-f', '-'], { input: RULES });
  }

  /** Lets the kernel forget UDP a second after its last packet, instead of half a minute. */
  forgetUdpSoon(): void {
    write(this.gateway, 1, '/proc/sys/net/netfilter/nf_conntrack_udp_timeout');
  }

  /** Waits until the kernel has forgotten all UDP. */
  async untilUdpForgotten(): Promise<void> {
    while (/\budp\b/.test(this.gateway.run('cat', '/proc/net/nf_conntrack'))) {
      await new Promise((go) => setTimeout(go, 20));
    }
  }

  /** One echo request from the client to the server, which answers. */
  ping(): void {
    const echo = icmpEcho(8, 1, new Uint8Array(56));
    new DataView(echo.buffer).setUint16(2, internetChecksum(echo));
    this.#send([this.#frame(PROTOCOL.icmp, echo)]);
  }

  /** One datagram from the client for each of these connections: nobody listens. */
  sendDatagrams(first: number, end: number): void {
    const frame = this.#frame(PROTOCOL.udp, udp({ sourcePort: 0, destinationPort: 4000 }));
    const frames = Array.from({ length: end - first }, (_, index) => {
      const one = frame.slice();
      new DataView(one.buffer).setUint16(SOURCE_PORT_AT, first + index);
      return one;
    });
    this.#send(frames);
  }

  #frame(protocol: number, body: Uint8Array): Uint8Array {
    const packet = ipv4({ source: ADDRESS.client, destination: ADDRESS.server, protocol }, body);
    return ethernet({ destination: macBytes(MAC.inside), source: macBytes(MAC.client) }, packet);
  }

  #send(frames: readonly Uint8Array[]): void {
    const parts = frames.flatMap((frame) => [Uint8Array.of(frame.length >>> 8, frame.length & 255), frame]);
    const words = ['netns', 'exec', this.client.name, this.#sender, 'eth0'];
    execFileSync('ip', words, { input: Buffer.concat(parts) });
  }

  remove(): void {
    for (const namespace of [this.client, this.gateway, this.server]) namespace.remove();
  }

  #join(host: NetworkNamespace, name: string, peer: string, mac?: typeof MAC): void {
    const near = mac === undefined ? [] : ['address', mac.client];
    const far = mac === undefined ? [] : ['address', mac.inside];
    host.ip('link', 'add', name, ...near, 'type', 'veth', 'peer', 'name', peer, 'netns', this.gateway.name, ...far);
  }

  #address(namespace: NetworkNamespace, name: string, ...addresses: readonly string[]): void {
    for (const address of addresses) {
      const family = address.includes(':') ? ['nodad'] : [];
      namespace.ip('address', 'add', address, 'dev', name, ...family);
    }
    namespace.ip('link', 'set', name, 'up');
  }
}

function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));
}

function write(namespace: NetworkNamespace, value: number, ...files: readonly string[]): void {
  for (const file of files) namespace.run('sh', '-c', `echo ${value} > ${file}`);
}

function allowIpv6(namespace: NetworkNamespace): void {
  write(namespace, 0, '/proc/sys/net/ipv6/conf/all/disable_ipv6', '/proc/sys/net/ipv6/conf/default/disable_ipv6');
}
