import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNetwork } from '../../../agent/packet/address.ts';
import { AddressPseudonyms } from '../../../agent/privacy/address-pseudonyms.ts';
import { addressText } from '../../../agent/record/endpoint.ts';

/** The key of the sample that comes with the authors' implementation. */
const KEY = Uint8Array.of(
  ...[21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16],
  ...[216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2],
);

function pseudonym(text: string, pseudonyms = new AddressPseudonyms(KEY)): string {
  const { family, words } = parseNetwork(text)!;
  if (family === 4) return addressText(4, [pseudonyms.ipv4(words[0]! >>> 0)]);
  const four = Uint32Array.from(words);
  pseudonyms.ipv6(four);
  return addressText(6, [...four]);
}

/** The paper, bit by bit. */
function slowly(address: bigint, bits: number, key: Uint8Array): bigint {
  const encrypt = (block: Uint8Array) =>
    createCipheriv('aes-128-ecb', key.subarray(0, 16), null).setAutoPadding(false).update(block);
  const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const pad = number(encrypt(key.subarray(16)));
  let result = 0n;
  for (let bit = 0; bit < bits; bit++) {
    const kept = bit === 0 ? 0n : (address >> BigInt(bits - bit)) << BigInt(128 - bit);
    const block = kept | (pad & ((1n << BigInt(128 - bit)) - 1n));
    const flip = BigInt(encrypt(Buffer.from(block.toString(16).padStart(32, '0'), 'hex'))[0]! >> 7);
    const own = (address >> BigInt(bits - 1 - bit)) & 1n;
    result = (result << 1n) | (own ^ flip);
  }
  return result;
}

function fast6(address: bigint, pseudonyms: AddressPseudonyms): bigint {
  const words = Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((address >> shift) & 0xffff_ffffn));
  pseudonyms.ipv6(words);
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
}

const commonBits = (left: bigint, right: bigint, bits: number) =>
  left === right ? bits : bits - (left ^ right).toString(2).length;

describe('pseudonyms of addresses', () => {
  test.each([0, 16, 31, 33])('need a key of 32 bytes, not of %i', (bytes) => {
    expect(() => new AddressPseudonyms(new Uint8Array(bytes))).toThrow(`a key of 32 bytes, not ${bytes}`);
  });

  test('leave the addresses that stand for none', () => {
    expect([pseudonym('0.0.0.0'), pseudonym('::')]).toEqual(['0.0.0.0', '::']);
  });

  test.each([
    ['128.11.68.132', '135.242.180.132'],
    ['129.118.74.4', '134.136.186.123'],
    ['130.132.252.244', '133.68.164.234'],
    ['141.223.7.43', '141.167.8.160'],
    ['141.233.145.108', '141.129.237.235'],
    ['152.163.225.39', '151.140.114.167'],
    ['156.29.3.236', '147.225.12.42'],
    ['165.247.96.84', '162.9.99.234'],
    ['166.107.77.190', '160.132.178.185'],
    ['192.102.249.13', '252.138.62.131'],
    ['192.215.32.125', '252.43.47.189'],
    ['192.233.80.103', '252.25.108.8'],
    ['192.41.57.43', '252.222.221.184'],
    ['193.150.244.223', '253.169.52.216'],
    ['195.205.63.100', '255.186.223.5'],
    ['198.200.171.101', '249.199.68.213'],
    ['198.26.132.101', '249.36.123.202'],
    ['198.36.213.5', '249.7.21.132'],
    ['198.51.77.238', '249.18.186.254'],
    ['199.217.79.101', '248.38.184.213'],
    ['202.49.198.20', '245.206.7.234'],
    ['::1', '78ff:f001:9fc0:20df:8380:b1f1:704:ed'],
    ['::2', '78ff:f001:9fc0:20df:8380:b1f1:704:ef'],
    ['2001:db8::1', '4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e'],
    ['2001:db8::2', '4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c'],
  ])('are those of the authors’ sample, and of other implementations for IPv6: %s', (address, expected) => {
    expect(pseudonym(address)).toBe(expected);
  });

  test('leave what stands for no address', () => {
    expect(['0.0.0.0', '::'].map((address) => pseudonym(address))).toEqual(['0.0.0.0', '::']);
  });

  test('are what the paper says, for any key, however often they are asked for', () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const word = fc.integer({ min: 1, max: 0xffff_ffff });
    fc.assert(
      fc.property(key, fc.array(word, { minLength: 1, maxLength: 4 }), (bytes, words) => {
        const pseudonyms = new AddressPseudonyms(bytes);
        for (const each of [...words, ...words]) {
          expect(BigInt(pseudonyms.ipv4(each))).toBe(slowly(BigInt(each), 32, bytes));
        }
      }),
      { numRuns: 30 },
    );
    fc.assert(
      fc.property(key, fc.bigInt({ min: 1n, max: 2n ** 128n - 1n }), (bytes, address) => {
        const pseudonyms = new AddressPseudonyms(bytes);
        const expected = slowly(address, 128, bytes);
        expect([fast6(address, pseudonyms), fast6(address, pseudonyms)]).toEqual([expected, expected]);
      }),
      { numRuns: 10 },
    );
  });

  test('share exactly the prefix that their addresses share, so no two are alike', () => {
    const pseudonyms = new AddressPseudonyms(KEY);
    const pair = (bits: number) =>
      fc.tuple(fc.bigInt({ min: 1n, max: 2n ** BigInt(bits) - 1n }), fc.integer({ min: 0, max: bits - 1 }));
    fc.assert(
      fc.property(pair(32), ([address, bit]) => {
        const other = address ^ (1n << BigInt(bit));
        if (other === 0n) return;
        const [left, right] = [address, other].map((each) => BigInt(pseudonyms.ipv4(Number(each))));
        expect(commonBits(left!, right!, 32)).toBe(commonBits(address, other, 32));
      }),
    );
    fc.assert(
      fc.property(pair(128), ([address, bit]) => {
        const other = address ^ (1n << BigInt(bit));
        if (other === 0n) return;
        const [left, right] = [fast6(address, pseudonyms), fast6(other, pseudonyms)];
        expect(commonBits(left, right, 128)).toBe(commonBits(address, other, 128));
      }),
    );
  });

  test('stay right when more addresses come than are remembered', () => {
    const pseudonyms = new AddressPseudonyms(KEY);
    const first = pseudonyms.ipv4(0x0a00_0001);
    const seen = new Set<number>();
    for (let i = 0; i < 100_000; i++) seen.add(pseudonyms.ipv4(0x0a01_0000 + i));
    expect(seen.size).toBe(100_000);
    expect(pseudonyms.ipv4(0x0a00_0001)).toBe(first);
  });
});
