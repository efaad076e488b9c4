/**
 * What policy keeps out of the records: per packet, by the outermost header, before aggregation. Rules are compiled once;
 * each names itself in the ledger, which counts the packets and bytes it removed.
 *
 * Hot: without rules of the user's own a packet is let through by four comparisons of its ports that hardly ever meet.
 */
import { contains, type Network } from './address.ts';
import { DESTINATION, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from './key-row.ts';

/** A rule of the user's own: a packet is excluded when all that is given matches. */
export interface ExclusionRule {
  /** Names the rule in the ledger. */
  readonly name: string;
  /** IANA number; undefined is any. */
  readonly protocol: number | undefined;
  /** The source or the destination lies in one of them; empty is any. */
  readonly networks: readonly Network[];
  /** The source or the destination port lies in one of these inclusive ranges; empty is any. */
  readonly ports: readonly (readonly [from: number, to: number])[];
}

export interface ExclusionPolicy {
  /** IPv4 UDP with both ports in {67, 68}. */
  readonly dhcp: boolean;
  /** IPv6 UDP with both ports in {546, 547}. */
  readonly dhcpv6: boolean;
  /** Key Management Service: TCP between port 1688 and a client's port, 32768 or above. */
  readonly windowsActivation: boolean;
  /** The only owners of that port that count, then with any client's port; empty is any. */
  readonly kmsServers: readonly Network[];
  readonly rules: readonly ExclusionRule[];
}

export const EXCLUDE_DEFAULTS: ExclusionPolicy = {
  dhcp: true,
  dhcpv6: true,
  windowsActivation: true,
  kmsServers: [],
  rules: [],
};

export const EXCLUDE_NOTHING: ExclusionPolicy = {
  dhcp: false,
  dhcpv6: false,
  windowsActivation: false,
  kmsServers: [],
  rules: [],
};

const TCP = 6;
const UDP = 17;
const KMS_PORT = 1688;
/** Ephemeral ports of Windows begin at 49152 and those of Linux here; a service that listens hardly ever has one. */
const CLIENT_PORT_MIN = 32_768;

/** Index of no rule. */
export const KEEP = -1;

export class Exclusion {
  /** In the order of the indexes that `match` answers. */
  readonly ruleNames: readonly string[];
  readonly #dhcp: number;
  readonly #dhcpv6: number;
  readonly #kms: number;
  readonly #kmsServers: readonly Network[];
  readonly #rules: readonly ExclusionRule[];
  readonly #firstRule: number;

  constructor(policy: ExclusionPolicy) {
    const names: string[] = [];
    const index = (name: string, enabled: boolean) => (enabled ? names.push(name) - 1 : KEEP);
    this.#dhcp = index('dhcp', policy.dhcp);
    this.#dhcpv6 = index('dhcpv6', policy.dhcpv6);
    this.#kms = index('windows-activation', policy.windowsActivation);
    this.#kmsServers = policy.kmsServers;
    this.#rules = policy.rules;
    this.#firstRule = names.length;
    for (const rule of policy.rules) names.push(rule.name);
    this.ruleNames = names;
  }

  /** Whether there are rules of the user's own, which any packet may match. */
  get hasRules(): boolean {
    return this.#rules.length > 0;
  }

  /** The index of the rule that excludes the packet in the row, or `KEEP`. */
  match(rows: Int32Array, row: number, family: 4 | 6): number {
    const ports = rows[row + PORTS]!;
    const source = ports >>> 16;
    if (
      source !== KMS_PORT &&
      (ports & 0xffff) !== KMS_PORT &&
      !isDhcp(source) &&
      !isDhcpv6(source) &&
      this.#rules.length === 0
    ) {
      return KEEP;
    }
    return this.#look(ports, rows, row, family);
  }

  #look(ports: number, rows: Int32Array, row: number, family: 4 | 6): number {
    const protocol = rows[row + PROTOCOL_AND_FLAGS]! & 0xff;
    if (protocol === TCP) {
      if (this.#kms !== KEEP && this.#isActivation(ports, rows, row, family)) return this.#kms;
    } else if (protocol === UDP) {
      if (family === 4) {
        if (this.#dhcp !== KEEP && isDhcp(ports >>> 16) && isDhcp(ports & 0xffff)) return this.#dhcp;
      } else if (this.#dhcpv6 !== KEEP && isDhcpv6(ports >>> 16) && isDhcpv6(ports & 0xffff)) return this.#dhcpv6;
    }
    return this.#rules.length === 0 ? KEEP : this.#matchRules(protocol, ports, rows, row, family);
  }

  #isActivation(ports: number, rows: Int32Array, row: number, family: 4 | 6): boolean {
    const source = ports >>> 16;
    const destination = ports & 0xffff;
    const fromServer = source === KMS_PORT;
    const toServer = destination === KMS_PORT;
    if (this.#kmsServers.length === 0) {
      return (fromServer && destination >= CLIENT_PORT_MIN) || (toServer && source >= CLIENT_PORT_MIN);
    }
    return (
      (fromServer && isInAny(this.#kmsServers, rows, row + SOURCE, family)) ||
      (toServer && isInAny(this.#kmsServers, rows, row + DESTINATION, family))
    );
  }

  #matchRules(protocol: number, ports: number, rows: Int32Array, row: number, family: 4 | 6): number {
    for (const [index, rule] of this.#rules.entries()) {
      if (rule.protocol !== undefined && rule.protocol !== protocol) continue;
      if (rule.ports.length > 0 && !isInRanges(rule.ports, ports >>> 16) && !isInRanges(rule.ports, ports & 0xffff)) {
        continue;
      }
      if (
        rule.networks.length > 0 &&
        !isInAny(rule.networks, rows, row + SOURCE, family) &&
        !isInAny(rule.networks, rows, row + DESTINATION, family)
      ) {
        continue;
      }
      return this.#firstRule + index;
    }
    return KEEP;
  }
}

function isDhcp(port: number): boolean {
  return port === 67 || port === 68;
}

function isDhcpv6(port: number): boolean {
  return port === 546 || port === 547;
}

function isInAny(networks: readonly Network[], rows: Int32Array, at: number, family: 4 | 6): boolean {
  return networks.some((network) => network.family === family && contains(network, rows, at));
}

function isInRanges(ranges: readonly (readonly [number, number])[], port: number): boolean {
  return port !== 0 && ranges.some(([from, to]) => port >= from && port <= to);
}
