import { describe, expect, test } from 'vitest';
import { protocolName, protocolNumber } from '../../../agent/record/protocol-name.ts';
import { serviceName } from '../../../agent/record/service-name.ts';

const PORTS = Array.from({ length: 65_536 }, (_, port) => port);
const PROTOCOLS = Array.from({ length: 256 }, (_, protocol) => protocol);

describe('the names of services', () => {
  test('are those of the ports that people meet most', () => {
    expect(PORTS.filter((port) => serviceName(port) !== undefined)).toEqual([
      20, 21, 22, 23, 25, 53, 67, 68, 69, 80, 88, 110, 123, 143, 161, 162, 179, 389, 443, 445, 465, 500, 514, 546, 547,
      587, 636, 853, 873, 993, 995, 1194, 2049, 3128, 3306, 3389, 4500, 4789, 5353, 5432, 5671, 5672, 6379, 6443, 8080,
      9090, 9092, 9200, 11_211, 27_017,
    ]);
  });

  test('are different, and names as RFC 6335 section 5.1 has them', () => {
    const names = PORTS.map(serviceName).filter((name) => name !== undefined);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/);
    expect([22, 53, 80, 443].map(serviceName)).toEqual(['ssh', 'domain', 'http', 'https']);
  });
});

describe('the names of protocols', () => {
  test('are read back in any case, and stand for one protocol each', () => {
    for (const protocol of PROTOCOLS) {
      const name = protocolName(protocol);
      expect(name).not.toBe('');
      for (const text of [name, name.toLowerCase(), name.toUpperCase()]) expect(protocolNumber(text)).toBe(protocol);
    }
    expect([1, 6, 17, 58].map(protocolName)).toEqual(['ICMP', 'TCP', 'UDP', 'ICMPv6']);
    expect(protocolName(255)).toBe('255');
  });

  test('may be numbers from 0 to 255, and nothing else', () => {
    expect(['0', '255', '006'].map(protocolNumber)).toEqual([0, 255, 6]);
    for (const text of ['256', '999', '1000', '-1', '6x', 'x6', '', 'quic'])
      expect(protocolNumber(text)).toBeUndefined();
  });
});
