import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Network, parseNetwork } from '../../../agent/packet/address.ts';
import {
  EXCLUDE_DEFAULTS,
  EXCLUDE_NOTHING,
  Exclusion,
  type ExclusionPolicy,
  type ExclusionRule,
  KEEP,
} from '../../../agent/packet/exclusion.ts';
import { decodeWithAgent } from '../../support/agent-decoder.ts';
import { type KeyedPacket, toRows } from '../../support/key-rows.ts';
import { ethernet, extensionHeader, fragmentHeader, ipv4, ipv6, tcp, udp } from '../../support/packet-builder.ts';
import { decodeReference } from '../../support/reference-decoder.ts';

const v4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const v6 = { source: '2001:db8::1', destination: '2001:db8::2' };

describe.each([
  ['the agent', decodeWithAgent],
  ['the reference', decodeReference],
] as const)('%s, by the rules of the page:', (_, decode) => {
  const excludedBy = (packet: Uint8Array) => {
    const bytes = ethernet({ vlans: [{ id: 7 }] }, packet);
    const answer = decode({ linkType: 1, bytes, capturedLength: bytes.length, wireLength: bytes.length });
    return 'refusal' in answer ? answer.refusal : answer.excludedBy;
  };
  const pair = (sourcePort: number, destinationPort: number) => ({ sourcePort, destinationPort });
  const udp4 = (source: number, destination: number) =>
    excludedBy(ipv4({ ...v4, protocol: 17 }, udp(pair(source, destination))));
  const udp6 = (source: number, destination: number) =>
    excludedBy(ipv6({ ...v6, nextHeader: 17 }, udp(pair(source, destination))));

  it('DHCP is IPv4 UDP with both ports in {67, 68}', () => {
    for (const source of [67, 68]) for (const destination of [67, 68]) expect(udp4(source, destination)).toBe('dhcp');
    expect([udp4(67, 66), udp4(69, 68), udp4(67, 4011), udp4(546, 547), udp6(68, 67)]).toEqual(
      new Array(5).fill(undefined),
    );
    expect(excludedBy(ipv4({ ...v4, protocol: 6 }, tcp(pair(68, 67))))).toBeUndefined();
  });

  it('DHCPv6 is IPv6 UDP with both ports in {546, 547}, behind extension headers too', () => {
    for (const source of [546, 547])
      for (const destination of [546, 547]) expect(udp6(source, destination)).toBe('dhcpv6');
    expect([udp6(546, 545), udp6(548, 547), udp6(547, 40_000)]).toEqual(new Array(3).fill(undefined));
    const behind = extensionHeader(17, 8, udp(pair(546, 547)));
    expect(excludedBy(ipv6({ ...v6, nextHeader: 60 }, behind))).toBe('dhcpv6');
  });

  it('Windows activation is TCP of either version between port 1688 and a port of 32768 or above', () => {
    for (const ports of [pair(1688, 50_000), pair(50_000, 1688), pair(1688, 32_768), pair(0xffff, 1688)]) {
      expect(excludedBy(ipv4({ ...v4, protocol: 6 }, tcp(ports)))).toBe('windows-activation');
      expect(excludedBy(ipv6({ ...v6, nextHeader: 6 }, tcp(ports)))).toBe('windows-activation');
      expect(excludedBy(ipv4({ ...v4, protocol: 17 }, udp(ports)))).toBeUndefined();
    }
    for (const ports of [pair(1687, 50_000), pair(1688, 443), pair(22, 1688), pair(1688, 1688), pair(32_767, 1688)]) {
      expect(excludedBy(ipv4({ ...v4, protocol: 6 }, tcp(ports)))).toBeUndefined();
    }
  });

  it('a first fragment is excluded, a later one never', () => {
    const fragment4 = (fragmentOffset: number) =>
      excludedBy(ipv4({ ...v4, protocol: 17, fragmentOffset, moreFragments: true }, udp(pair(68, 67))));
    const fragment6 = (offset: number) =>
      excludedBy(ipv6({ ...v6, nextHeader: 44 }, fragmentHeader(6, offset, true, tcp(pair(1688, 40_000)))));
    expect([fragment4(0), fragment4(8)]).toEqual(['dhcp', undefined]);
    expect([fragment6(0), fragment6(8)]).toEqual(['windows-activation', undefined]);
  });

  it('only the outermost header counts', () => {
    const inner = ipv4({ ...v4, protocol: 17 }, udp(pair(68, 67)));
    expect(excludedBy(ipv4({ ...v4, protocol: 4 }, inner))).toBeUndefined();
    expect(excludedBy(ipv4({ ...v4, protocol: 17 }, udp(pair(50_000, 4789), inner)))).toBeUndefined();
  });
});

const network = (text: string): Network => parseNetwork(text)!;

const TCP_PACKET: KeyedPacket = {
  family: 4,
  source: [0x0a00_0001],
  destination: [0x0a00_0102],
  sourcePort: 50_000,
  destinationPort: 443,
  protocol: 6,
  tcpFlags: 2,
  bytes: 60,
  microseconds: 0,
};
const UDP6_PACKET: KeyedPacket = {
  ...TCP_PACKET,
  family: 6,
  source: [0x2001_0db8, 0, 0, 1],
  destination: [0x2001_0db8, 0, 0, 2],
  protocol: 17,
};

/** The name of the rule that excludes the packet. */
function ruleFor(policy: Partial<ExclusionPolicy>, packet: KeyedPacket): string | undefined {
  const exclusion = new Exclusion({ ...EXCLUDE_NOTHING, ...policy });
  const rule = exclusion.match(toRows([packet]), 0, packet.family);
  return rule === KEEP ? undefined : exclusion.ruleNames[rule];
}

describe('Windows activation with the servers listed', () => {
  const policy = { windowsActivation: true, kmsServers: [network('10.0.1.0/24'), network('2001:db8::2')] };
  const from = { ...TCP_PACKET, sourcePort: 1688, destinationPort: 50_000 };
  const to = { ...TCP_PACKET, destinationPort: 1688 };

  it('excludes what goes to port 1688 of a server, and what comes from it, whatever the port of the client', () => {
    expect(ruleFor(policy, to)).toBe('windows-activation');
    expect(ruleFor(policy, { ...to, sourcePort: 443 })).toBe('windows-activation');
    expect(ruleFor(policy, { ...from, source: to.destination, destination: to.source })).toBe('windows-activation');
    expect(ruleFor(policy, { ...UDP6_PACKET, protocol: 6, destinationPort: 1688 })).toBe('windows-activation');
  });

  it('keeps port 1688 of any other host, also when a server talks to it', () => {
    expect(ruleFor(policy, { ...to, destination: [0x0a00_0202] })).toBeUndefined();
    expect(ruleFor(policy, { ...to, source: [0x0a00_0102], destination: [0x0a00_0001] })).toBeUndefined();
    expect(ruleFor(policy, from)).toBeUndefined();
    expect(
      ruleFor(policy, { ...UDP6_PACKET, protocol: 6, destination: [0x2001_0db8, 0, 0, 3], destinationPort: 1688 }),
    ).toBeUndefined();
  });

  it('does not take an IPv6 address for the IPv4 network with the same first word', () => {
    const servers = { windowsActivation: true, kmsServers: [network('32.1.13.184/32')] };
    expect(ruleFor(servers, { ...UDP6_PACKET, protocol: 6, destinationPort: 1688 })).toBeUndefined();
  });
});

describe('the rules of a policy', () => {
  const dhcp = { ...TCP_PACKET, protocol: 17, sourcePort: 68, destinationPort: 67 };
  const dhcpv6 = { ...UDP6_PACKET, sourcePort: 546, destinationPort: 547 };
  const activation = { ...TCP_PACKET, destinationPort: 1688 };
  const any = { protocol: undefined, networks: [], ports: [] };

  it("are named in their order: the built-in ones that are on, then the user's", () => {
    const rules = [
      { name: 'backup', ...any },
      { name: 'probes', ...any },
    ];
    expect(new Exclusion({ ...EXCLUDE_DEFAULTS, rules }).ruleNames).toEqual([
      'dhcp',
      'dhcpv6',
      'windows-activation',
      'backup',
      'probes',
    ]);
    expect(new Exclusion({ ...EXCLUDE_DEFAULTS, dhcp: false, rules }).ruleNames).toEqual([
      'dhcpv6',
      'windows-activation',
      'backup',
      'probes',
    ]);
    expect(new Exclusion(EXCLUDE_NOTHING).ruleNames).toEqual([]);
  });

  it('are off one by one, and all off excludes nothing', () => {
    const packets = [dhcp, dhcpv6, activation];
    expect(packets.map((packet) => ruleFor(EXCLUDE_DEFAULTS, packet))).toEqual([
      'dhcp',
      'dhcpv6',
      'windows-activation',
    ]);
    expect(packets.map((packet) => ruleFor({ ...EXCLUDE_DEFAULTS, dhcp: false }, packet))).toEqual([
      undefined,
      'dhcpv6',
      'windows-activation',
    ]);
    expect(packets.map((packet) => ruleFor({ ...EXCLUDE_DEFAULTS, dhcpv6: false }, packet))).toEqual([
      'dhcp',
      undefined,
      'windows-activation',
    ]);
    expect(packets.map((packet) => ruleFor({ ...EXCLUDE_DEFAULTS, windowsActivation: false }, packet))).toEqual([
      'dhcp',
      'dhcpv6',
      undefined,
    ]);
    expect(packets.map((packet) => ruleFor(EXCLUDE_NOTHING, packet))).toEqual([undefined, undefined, undefined]);
  });

  it("give a packet to the built-in rule first, then to the first of the user's that matches", () => {
    const rules = [
      { ...any, name: 'web', protocol: 6, ports: [[443, 443]] as const },
      { ...any, name: 'all', networks: [network('0.0.0.0/0')] },
    ];
    expect(ruleFor({ ...EXCLUDE_DEFAULTS, rules }, activation)).toBe('windows-activation');
    expect(ruleFor({ ...EXCLUDE_DEFAULTS, rules }, TCP_PACKET)).toBe('web');
    expect(ruleFor({ ...EXCLUDE_DEFAULTS, rules }, { ...TCP_PACKET, protocol: 1 })).toBe('all');
    expect(ruleFor({ ...EXCLUDE_DEFAULTS, rules }, UDP6_PACKET)).toBeUndefined();
  });

  it('of the user look at what a built-in rule would exclude, were it on', () => {
    const rules = [{ ...any, name: 'mine', ports: [[1, 2000]] as const }];
    for (const packet of [dhcp, dhcpv6, activation]) {
      expect(ruleFor({ rules }, packet)).toBe('mine');
      expect(ruleFor({ ...EXCLUDE_DEFAULTS, rules }, packet)).not.toBe('mine');
    }
  });

  it('with ports never exclude a packet that has none', () => {
    const rules = [{ ...any, name: 'every port', ports: [[0, 65_535]] as const }];
    const fragment = { ...TCP_PACKET, sourcePort: 0, destinationPort: 0 };
    expect(ruleFor({ rules }, fragment)).toBeUndefined();
    expect(ruleFor({ rules }, TCP_PACKET)).toBe('every port');
  });

  it('match as a plain reading of the rule does', () => {
    const rule: fc.Arbitrary<Omit<ExclusionRule, 'name'>> = fc.record({
      protocol: fc.constantFrom(undefined, 6, 17),
      networks: fc.array(
        fc.constantFrom('10.0.0.0/8', '10.0.1.0/24', '10.0.0.1', '2001:db8::/32', '::/0').map(network),
        { maxLength: 2 },
      ),
      ports: fc.array(fc.constantFrom([443, 443] as const, [50_000, 50_010] as const, [1, 1024] as const), {
        maxLength: 2,
      }),
    });
    const packet = fc.record({
      protocol: fc.constantFrom(1, 6, 17),
      sourcePort: fc.constantFrom(0, 1, 443, 1024, 1025, 50_000, 50_010, 50_011),
      destinationPort: fc.constantFrom(0, 442, 443, 444, 49_999),
      addresses: fc.constantFrom(
        { family: 4 as const, source: [0x0a00_0001], destination: [0x0a00_0102] },
        { family: 4 as const, source: [0x0b00_0001], destination: [0xc000_0201] },
        { family: 4 as const, source: [0xc000_0201], destination: [0x0a00_0001] },
        { family: 6 as const, source: [0x2001_0db8, 0, 0, 1], destination: [0xfe80_0000, 0, 0, 1] },
        { family: 6 as const, source: [0x0a00_0001, 0, 0, 1], destination: [0xfe80_0000, 0, 0, 1] },
      ),
    });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 3 }), packet, (rules, { addresses, ...rest }) => {
        const row: KeyedPacket = { ...TCP_PACKET, ...rest, ...addresses };
        const named = rules.map((each, index) => ({ ...each, name: `rule ${index}` }));
        expect(ruleFor({ rules: named }, row)).toBe(named.find((each) => matchesPlainly(each, row))?.name);
      }),
      { numRuns: 3000 },
    );
  });
});

function matchesPlainly(rule: ExclusionRule, packet: KeyedPacket): boolean {
  const ports = [packet.sourcePort, packet.destinationPort].filter((port) => port !== 0);
  const lies = (words: readonly number[], { family, words: base, masks }: Network) =>
    family === packet.family && words.every((word, index) => (word & masks[index]!) === base[index]);
  return (
    (rule.protocol === undefined || rule.protocol === packet.protocol) &&
    (rule.ports.length === 0 || rule.ports.some(([from, to]) => ports.some((port) => from <= port && port <= to))) &&
    (rule.networks.length === 0 ||
      rule.networks.some((each) => lies(packet.source, each) || lies(packet.destination, each)))
  );
}
