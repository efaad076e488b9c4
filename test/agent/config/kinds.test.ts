import { describe, expect, test } from 'vitest';
import {
  FIELD_WORD,
  INTERFACE_PATTERN,
  LISTEN_ADDRESS,
  NETWORK,
  PORT_RANGE,
  PROTOCOL,
  TAG,
} from '../../../agent/config/kinds.ts';
import type { Kind } from '../../../agent/options/kinds.ts';

describe('a value of an option', () => {
  test.each<[string, Kind<unknown>, readonly (readonly [string, unknown])[], readonly string[]]>([
    [
      'an address to listen on',
      LISTEN_ADDRESS,
      [
        ['127.0.0.1:9753', { host: '127.0.0.1', port: 9753 }],
        ['0.0.0.0:1', { host: '0.0.0.0', port: 1 }],
        ['[::1]:65535', { host: '::1', port: 65_535 }],
        ['[::ffff:10.0.0.1]:80', { host: '::ffff:10.0.0.1', port: 80 }],
      ],
      [
        '',
        '9753',
        ':9753',
        'localhost:9753',
        '127.0.0.1',
        '127.0.0.1:0',
        '127.0.0.1:65536',
        '::1:80',
        '[10.0.0.1]:80',
        '1.2.3:80',
        '[::1]',
      ],
    ],
    [
      'a protocol',
      PROTOCOL,
      [
        ['tcp', 6],
        ['TCP', 6],
        ['icmpv6', 58],
        ['0', 0],
        ['255', 255],
      ],
      ['', '256', '-1', '6.0', 'http', 'constructor'],
    ],
    [
      'ports',
      PORT_RANGE,
      [
        ['53', [53, 53]],
        ['0', [0, 0]],
        ['8000-8099', [8000, 8099]],
        ['1-65535', [1, 65_535]],
      ],
      ['', '65536', '2-1', '-5', '1-', '1 - 2', '1-2-3', 'http'],
    ],
    [
      'a tag',
      TAG,
      [
        ['env=production', ['env', 'production']],
        ['a=b=c', ['a', 'b=c']],
        ['empty=', ['empty', '']],
        [`${'🌍'.repeat(127)}=${'🌍'.repeat(255)}`, ['🌍'.repeat(127), '🌍'.repeat(255)]],
      ],
      ['', 'env', '=value', `${'k'.repeat(128)}=v`, `k=${'v'.repeat(256)}`],
    ],
    [
      'an interface',
      INTERFACE_PATTERN,
      [
        ['eth0', 'eth0'],
        ['eth*', 'eth*'],
        ['default', 'default'],
        ['x'.repeat(15), 'x'.repeat(15)],
        ['br-ü', 'br-ü'],
      ],
      ['', 'x'.repeat(16), 'eth0:1', 'a b', 'a/b', 'eth0\n'],
    ],
    [
      'a field',
      FIELD_WORD,
      [
        ['srcaddr', 'srcaddr'],
        ['eni', 'eni'],
        ['$'.concat('{dstaddr}'), 'dstaddr'],
      ],
      ['', 'SRCADDR', 'source', 'constructor', '$'.concat('{}')],
    ],
  ])('is read, or refused: %s', (_what, kind, accepted, refused) => {
    for (const [text, value] of accepted) expect(kind.parse(text), text).toEqual(value);
    expect(refused.filter((text) => kind.parse(text) !== undefined)).toEqual([]);
  });

  test('is a network, one address included, whose host bits count for nothing', () => {
    expect(NETWORK.parse('10.0.0.0/8')).toMatchObject({ family: 4 });
    expect(NETWORK.parse('10.0.0.1')).toMatchObject({ family: 4 });
    expect(NETWORK.parse('2001:db8::/32')).toMatchObject({ family: 6 });
    const refused = [
      '',
      '10.0.0',
      '10.0.0.0/33',
      '10.0.0.256',
      '2001:db8::/129',
      '10.0.0.0/',
      '/8',
      '10.0.0.0/8/8',
      'host',
    ];
    expect(refused.filter((text) => NETWORK.parse(text) !== undefined)).toEqual([]);
  });
});
