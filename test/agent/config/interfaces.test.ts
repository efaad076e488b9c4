import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  type InterfaceSystem,
  interfaceId,
  listInterfaces,
  missingInterface,
  resolveInterfaces,
} from '../../../agent/config/interfaces.ts';

const MAC = '02:fc:00:00:00:01';

function info(cidr: string, internal = false): NetworkInterfaceInfo {
  const address = cidr.slice(0, cidr.indexOf('/'));
  return { address, netmask: '', family: 'IPv4', mac: internal ? '00:00:00:00:00:00' : MAC, internal, cidr };
}

function system(files: Readonly<Record<string, string>>): InterfaceSystem {
  return {
    readText: (path) => files[path],
    addresses: () => ({ eth0: [info('192.0.2.2/24')], lo: [info('127.0.0.1/8', true)] }),
  };
}

const NAMES = [
  'Inter-|   Receive                                                |  Transmit',
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes',
  '    lo: 1 2 3',
  '  eth0: 1 2 3',
  '  wg0: 0 0 0',
  '',
].join('\n');
const ROUTES = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'wg0\t00000000\t00000000\t0001\t0\t0\t900\t00000000\t0\t0\t0',
  'eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
  'lo\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0',
  'wg0\t00000A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  '',
].join('\n');
const ZERO = '0'.repeat(32);
const ROUTES_V6 = [
  `fd000000000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth0`,
  `${ZERO} 00 ${ZERO} 00 ${ZERO} 00000400 00000001 00000000 00000003      wg0`,
  `${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo`,
].join('\n');

const FILES = {
  '/proc/self/net/dev': NAMES,
  '/proc/self/net/route': ROUTES,
  '/proc/self/net/ipv6_route': ROUTES_V6,
  '/sys/class/net/wg0/flags': '0x1090\n',
  '/sys/class/net/wg0/address': '\n',
};

describe('the interfaces of a host', () => {
  test('are listed with state, hardware address, addresses and the default route of the lowest metric', () => {
    expect(listInterfaces(system(FILES))).toEqual([
      {
        name: 'eth0',
        mac: MAC,
        addresses: ['192.0.2.2/24'],
        up: true,
        loopback: false,
        isDefault: true,
        interfaceId: interfaceId('eth0', MAC),
      },
      expect.objectContaining({ name: 'lo', loopback: true, isDefault: false, up: true }),
      {
        name: 'wg0',
        mac: undefined,
        addresses: [],
        up: false,
        loopback: false,
        isDefault: false,
        interfaceId: interfaceId('wg0', undefined),
      },
    ]);
  });

  test('are resolved without reading the flags of each, which only their state needs', () => {
    const asked: string[] = [];
    const host = system(FILES);
    const readText = (path: string) => {
      asked.push(path);
      return host.readText(path);
    };
    const { interfaces } = resolveInterfaces(['wg*'], listInterfaces({ ...host, readText }));
    expect(asked.filter((path) => path.endsWith('/flags'))).toEqual([]);
    expect(interfaces.map(({ name, up }) => [name, up])).toEqual([['wg0', false]]);
    expect(asked.filter((path) => path.endsWith('/flags'))).toEqual(['/sys/class/net/wg0/flags']);
  });

  test('have an IPv6 default where there is no IPv4 one, and none where routes only refuse', () => {
    const named = (files: Readonly<Record<string, string>>): (string | undefined)[] =>
      listInterfaces(system(files)).map(({ name, isDefault }) => (isDefault ? name : undefined));
    expect(named({ ...FILES, '/proc/self/net/route': '' })).toEqual([undefined, undefined, 'wg0']);
    expect(named({ '/proc/self/net/dev': NAMES })).toEqual([undefined, undefined, undefined]);
  });

  test('are known by their addresses where /proc tells nothing', () => {
    expect(listInterfaces(system({})).map(({ name }) => name)).toEqual(['eth0', 'lo']);
  });

  test('of this machine have a loopback', () => {
    expect(listInterfaces().find(({ name }) => name === 'lo')).toMatchObject({ loopback: true, isDefault: false });
  });

  test('have ids that depend on name and hardware address alone', () => {
    expect(interfaceId('eth0', MAC)).toMatch(/^if-[0-9a-z]{8}$/);
    expect(interfaceId('eth0', MAC)).toBe(interfaceId('eth0', MAC));
    expect(new Set([interfaceId('eth0', MAC), interfaceId('eth1', MAC), interfaceId('eth0', undefined)]).size).toBe(3);
  });
});

describe('a pattern', () => {
  const known = listInterfaces(system(FILES));
  test.each<[readonly string[], readonly string[], readonly string[]]>([
    [['default'], ['eth0'], []],
    [['any'], ['any'], []],
    [['eth0', 'e*', 'wg?'], ['eth0', 'wg0'], []],
    [['*'], ['eth0', 'lo', 'wg0'], []],
    [['eth.', 'eth1', 'l?'], ['lo'], ['eth.', 'eth1']],
  ])('%j stands for %j', (patterns, names, missing) => {
    const resolution = resolveInterfaces(patterns, known);
    expect(resolution.interfaces.map(({ name }) => name)).toEqual(names);
    expect(resolution.missing).toEqual(missing);
  });

  test('that stands for nothing is told with what there is', () => {
    expect(missingInterface('eth1', known).message).toMatch(/no such interface: eth1; did you mean eth0\?/);
    expect(missingInterface('veth*', known).message).toMatch(/no interface matches veth\*; /);
    expect(missingInterface('default', []).message).toMatch(/no interface holds a default route; available: none/);
  });
});
