/**
 * The network interfaces of this host, as far as they can be seen without the capture library: so `flowlogd interfaces`
 * answers where nothing is built, and a pattern can be resolved before a capture is opened.
 *
 * Names come from /proc/self/net/dev, which follows the process's own network namespace; /sys may be the mount of another one.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { OperationalError } from '../model/operational-error.ts';
import { nearestWord } from '../options/nearest.ts';
import { DEFAULT_INTERFACE, isInterfacePattern, matchesInterface } from './interface-pattern.ts';

export interface HostInterface {
  readonly name: string;
  /** Lower case with colons; undefined for devices without a hardware address. */
  readonly mac: string | undefined;
  /** With prefix length: `10.0.0.1/24`. */
  readonly addresses: readonly string[];
  /** Undefined when the kernel would not say. */
  readonly up: boolean | undefined;
  readonly loopback: boolean;
  /** Holds the default route: IPv4's, else IPv6's. */
  readonly isDefault: boolean;
  /** `interface-id` of records, unless the configuration says another. */
  readonly interfaceId: string;
}

/** What is asked of the system. */
export interface InterfaceSystem {
  /** Undefined when it cannot be read. */
  readText(path: string): string | undefined;
  addresses(): NodeJS.Dict<NetworkInterfaceInfo[]>;
}

const HOST: InterfaceSystem = {
  readText: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  addresses: () => {
    try {
      return networkInterfaces();
    } catch {
      // A service without AF_NETLINK in its address families.
      return {};
    }
  },
};

/** The kernel's device that sees every interface. */
const ANY: HostInterface = {
  name: 'any',
  mac: undefined,
  addresses: [],
  up: true,
  loopback: false,
  isDefault: false,
  interfaceId: interfaceId('any', undefined),
};

const FLAG_UP = 0x1;
const FLAG_LOOPBACK = 0x8;
const ROUTE_UP = 0x1;
const ROUTE_REJECT = 0x200;

/** All interfaces, also those that are down or have no address, by name. */
export function listInterfaces(system: InterfaceSystem = HOST): HostInterface[] {
  const byName = system.addresses();
  const names = new Set([...deviceNames(system.readText('/proc/self/net/dev') ?? ''), ...Object.keys(byName)]);
  const defaultName = defaultInterface(system);
  return [...names].toSorted().map((name) => {
    const infos = byName[name] ?? [];
    // Read for whoever asks alone: an agent that looks every other second does not, and there may be thousands.
    const flags = () => Number(system.readText(`/sys/class/net/${name}/flags`) ?? Number.NaN);
    const mac = hardwareAddress(infos[0]?.mac ?? system.readText(`/sys/class/net/${name}/address`));
    return {
      name,
      mac,
      addresses: infos.map((info) => info.cidr ?? info.address),
      // The system lists addresses of running interfaces only.
      get up() {
        return infos.length > 0 || upOf(flags());
      },
      get loopback() {
        return infos[0]?.internal ?? (flags() & FLAG_LOOPBACK) !== 0;
      },
      isDefault: name === defaultName,
      interfaceId: interfaceId(name, mac),
    };
  });
}

function upOf(flags: number): boolean | undefined {
  return Number.isNaN(flags) ? undefined : (flags & FLAG_UP) !== 0;
}

/** The names of all interfaces. */
export function interfaceNames(system: InterfaceSystem = HOST): ReadonlySet<string> {
  return new Set(deviceNames(system.readText('/proc/self/net/dev') ?? ''));
}

/** The same name and hardware address give the same id on every boot. */
export function interfaceId(name: string, mac: string | undefined): string {
  const digest = createHash('sha256')
    .update(`${name}\0${mac ?? ''}`)
    .digest();
  return `if-${digest.readUIntBE(0, 6).toString(36).padStart(8, '0').slice(-8)}`;
}

export interface Resolution {
  /** Each interface once, in the order of the patterns. */
  readonly interfaces: readonly HostInterface[];
  /** Names and patterns that stand for nothing now. */
  readonly missing: readonly string[];
}

/** Finds what names, `default`, `any` and patterns stand for on this host. */
export function resolveInterfaces(
  patterns: readonly string[],
  known: readonly HostInterface[] = listInterfaces(),
): Resolution {
  const found = new Map<string, HostInterface>();
  const missing: string[] = [];
  for (const pattern of patterns) {
    const matches = matchesOf(pattern, known);
    if (matches.length === 0) missing.push(pattern);
    for (const match of matches) found.set(match.name, match);
  }
  return { interfaces: [...found.values()], missing };
}

/** The failure to say for a pattern that stands for nothing. */
export function missingInterface(pattern: string, known: readonly HostInterface[]): OperationalError {
  const names = known.map(({ name }) => name);
  const nearest = nearestWord(pattern, names);
  const hint = nearest === undefined ? `available: ${names.join(', ') || 'none'}` : `did you mean ${nearest}?`;
  let what = `no such interface: ${pattern}`;
  if (pattern === DEFAULT_INTERFACE) what = 'no interface holds a default route';
  else if (isInterfacePattern(pattern)) what = `no interface matches ${pattern}`;
  return new OperationalError('capture.no-interface', `Selecting interfaces to capture on failed: ${what}; ${hint}.`);
}

function matchesOf(pattern: string, known: readonly HostInterface[]): HostInterface[] {
  if (pattern === ANY.name) return [ANY];
  if (pattern === DEFAULT_INTERFACE) return known.filter(({ isDefault }) => isDefault);
  if (!isInterfacePattern(pattern)) return known.filter(({ name }) => name === pattern);
  return known.filter(({ name }) => matchesInterface(pattern, name));
}

/** The device names of /proc/net/dev: two lines of heading, then `name: counters`. */
function deviceNames(text: string): string[] {
  const lines = text.split('\n').slice(2);
  return lines.map((line) => line.slice(0, line.indexOf(':')).trim()).filter((name) => name !== '');
}

function hardwareAddress(text: string | undefined): string | undefined {
  const address = text?.trim().toLowerCase();
  return address !== undefined && /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(address) ? address : undefined;
}

/** The interface of the default route with the lowest metric: IPv4's, else IPv6's. */
function defaultInterface(system: InterfaceSystem): string | undefined {
  return (
    cheapest(ipv4DefaultRoutes(system.readText('/proc/self/net/route') ?? '')) ??
    cheapest(ipv6DefaultRoutes(system.readText('/proc/self/net/ipv6_route') ?? ''))
  );
}

interface Route {
  readonly name: string;
  readonly metric: number;
}

function cheapest(routes: readonly Route[]): string | undefined {
  return routes.toSorted((left, right) => left.metric - right.metric)[0]?.name;
}

/** `Iface Destination Gateway Flags RefCnt Use Metric Mask ...`: addresses and flags in hexadecimal, the metric is not. */
function ipv4DefaultRoutes(text: string): Route[] {
  const rows = text.split('\n').slice(1);
  return rows.flatMap((row) => {
    const [name = '', destination, , flags = '', , , metric, mask] = row.split(/\s+/);
    if (destination !== '00000000' || mask !== '00000000' || !isUsable(flags)) return [];
    return [{ name, metric: Number(metric) }];
  });
}

/** `destination prefix source prefix gateway metric refs use flags name`, all in hexadecimal. */
function ipv6DefaultRoutes(text: string): Route[] {
  return text.split('\n').flatMap((row) => {
    const [, prefix, , , , metric = '', , , flags = '', name = ''] = row.trim().split(/\s+/);
    return prefix === '00' && isUsable(flags) ? [{ name, metric: Number.parseInt(metric, 16) }] : [];
  });
}

function isUsable(flags: string): boolean {
  return (Number.parseInt(flags, 16) & (ROUTE_UP | ROUTE_REJECT)) === ROUTE_UP;
}
