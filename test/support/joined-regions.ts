import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { startProgram } from './command.ts';
import { compiled } from './compiled.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from './network-namespace.ts';

/** How the gateways are joined: a routed link, Ethernet in UDP, or IP without a link layer in UDP. */
export type Tunnel = 'veth' | 'vxlan' | 'tun';

/** Why no regions can be joined here, in one line; undefined when they can. */
export function joinedRegionsMissing(tunnel: Tunnel): string | undefined {
  const missing =
    namespacesMissing() ?? commandMissing('cc') ?? (tunnel === 'tun' ? commandMissing('python3') : undefined);
  return missing ?? (tunnel === 'vxlan' ? vxlanMissing() : undefined);
}

function vxlanMissing(): string | undefined {
  const namespace = new NetworkNamespace();
  try {
    namespace.ip('link', 'add', 'probe0', 'type', 'vxlan', 'id', '1', 'dstport', '4789');
    return undefined;
  } catch {
    return 'skipped: this kernel has no vxlan';
  } finally {
    namespace.remove();
  }
}

/** One region: a host, and the gateway between it and the other region. */
export interface Region {
  readonly host: NetworkNamespace;
  readonly gateway: NetworkNamespace;
  /** 1 or 2: the region has 10.N.0.0/16 and 2001:db8:N::/48, its host 10.N.0.2 and 2001:db8:N::2. */
  readonly number: number;
}

/** In the network of each host, but no host's: what is sent there arrives, and nobody answers. */
export const SILENT = {
  ipv4: (region: number) => `10.${region}.0.99`,
  ipv6: (region: number) => `2001:db8:${region}::99`,
};

/**
 * Two regions joined by their gateways, on each of which `tunnel0` leads to the other:
 *
 *     host 10.1.0.2 ── lan [ gateway ] tunnel0 ══ tunnel0 [ gateway ] lan ── host 10.2.0.2
 *          2001:db8:1::2                                                    2001:db8:2::2
 */
export class JoinedRegions {
  readonly near = newRegion(1);
  readonly far = newRegion(2);
  readonly #sender = compiled('send-frames.c');

  /** @param delayMs of each packet on its way through the tunnel, where it is one of type tun */
  static async start(tunnel: Tunnel, delayMs = 0): Promise<JoinedRegions> {
    const regions = new JoinedRegions();
    await regions.#join(tunnel, delayMs);
    for (const region of [regions.near, regions.far]) addRoutes(region);
    return regions;
  }

  private constructor() {
    for (const region of [this.near, this.far]) addHost(region);
  }

  /** Sends frames from the region's host as they are; `GATEWAY_MAC` takes them further. */
  send({ host }: Region, frames: readonly Uint8Array[]): void {
    const parts = frames.flatMap((frame) => [Uint8Array.of(frame.length >>> 8, frame.length & 255), frame]);
    execFileSync('ip', ['netns', 'exec', host.name, this.#sender, 'eth0'], { input: Buffer.concat(parts) });
  }

  remove(): void {
    for (const { host, gateway } of [this.near, this.far]) {
      host.remove();
      gateway.remove();
    }
  }

  async #join(tunnel: Tunnel, delayMs: number): Promise<void> {
    const link = tunnel === 'veth' ? 'tunnel0' : 'wan';
    const far = ['peer', 'name', link, 'netns', this.far.gateway.name];
    this.near.gateway.ip('link', 'add', link, 'type', 'veth', ...far);
    if (tunnel === 'veth') return;
    for (const { gateway, number } of [this.near, this.far]) {
      gateway.ip('address', 'add', `${wanAddress(number)}/24`, 'dev', 'wan');
      gateway.ip('link', 'set', 'wan', 'up');
      if (tunnel === 'vxlan') addVxlan(gateway, number);
      else await openTun(gateway, number, delayMs);
    }
  }
}

const HOST_MAC = '02:00:00:00:01:02';
const LAN_MAC = '02:00:00:00:01:01';
/** Of every gateway, in the network of its host. */
export const GATEWAY_MAC = Uint8Array.of(2, 0, 0, 0, 1, 1);

const other = (number: number) => 3 - number;
const wanAddress = (number: number) => `192.0.2.${number}`;

function newRegion(number: number): Region {
  return { host: new NetworkNamespace(), gateway: new NetworkNamespace(), number };
}

function addHost({ host, gateway, number }: Region): void {
  for (const namespace of [host, gateway]) {
    namespace.run('sh', '-c', 'for name in all default; do echo 0 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done');
  }
  const far = ['peer', 'name', 'lan', 'address', LAN_MAC, 'netns', gateway.name];
  host.ip('link', 'add', 'eth0', 'address', HOST_MAC, 'type', 'veth', ...far);
  addAddresses(host, 'eth0', `10.${number}.0.2/24`, `2001:db8:${number}::2/64`);
  addAddresses(gateway, 'lan', `10.${number}.0.1/24`, `2001:db8:${number}::1/64`);
  for (const silent of [SILENT.ipv4(number), SILENT.ipv6(number)]) {
    gateway.ip('neighbour', 'add', silent, 'lladdr', '02:00:00:00:01:63', 'dev', 'lan');
  }
  host.ip('route', 'add', 'default', 'via', `10.${number}.0.1`);
  host.ip('-6', 'route', 'add', 'default', 'via', `2001:db8:${number}::1`);
  gateway.run('sh', '-c', 'echo 1 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding');
}

function addAddresses(namespace: NetworkNamespace, device: string, ...addresses: readonly string[]): void {
  for (const address of addresses) {
    namespace.ip('address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []));
  }
  namespace.ip('link', 'set', device, 'up');
}

function addVxlan(gateway: NetworkNamespace, number: number): void {
  const ends = ['local', wanAddress(number), 'remote', wanAddress(other(number))];
  gateway.ip('link', 'add', 'tunnel0', 'type', 'vxlan', 'id', '42', ...ends, 'dstport', '4789', 'dev', 'wan');
}

async function openTun(gateway: NetworkNamespace, number: number, delayMs: number): Promise<void> {
  const ends = [wanAddress(number), wanAddress(other(number))];
  const words = ['python3', resolve('test/support/tunnel.py'), 'tunnel0', ...ends, String(delayMs)];
  const tunnel = startProgram(words, { namespace: gateway, openInput: true });
  await tunnel.until(({ stdout }) => stdout.includes('open'));
}

/** To the other region, and to nowhere for what the other side has no route to. */
function addRoutes({ gateway, number }: Region): void {
  addAddresses(gateway, 'tunnel0', `10.70.0.${number}/24`, `2001:db8:70::${number}/64`);
  const via = { ipv4: `10.70.0.${other(number)}`, ipv6: `2001:db8:70::${other(number)}` };
  gateway.ip('route', 'add', `10.${other(number)}.0.0/16`, 'via', via.ipv4);
  gateway.ip('-6', 'route', 'add', `2001:db8:${other(number)}::/48`, 'via', via.ipv6);
  gateway.ip('route', 'add', ...(number === 1 ? ['default', 'via', via.ipv4] : ['blackhole', 'default']));
}
