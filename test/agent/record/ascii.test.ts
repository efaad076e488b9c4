import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeDecimal, writeInteger, writeIpv4, writeIpv6 } from '../../../agent/record/ascii.ts';

/** What a writer wrote, when it left every byte around its text alone. */
function written(write: (buffer: Uint8Array, at: number) => number): string {
  const buffer = new Uint8Array(64).fill(0x7e);
  const end = write(buffer, 5);
  expect([...buffer.subarray(0, 5), ...buffer.subarray(end)].every((byte) => byte === 0x7e)).toBe(true);
  return Buffer.from(buffer.subarray(5, end)).toString('latin1');
}

const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff_ffff }));
/** Groups that are often zero or short, so that every run of zeros turns up. */
const group = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  fc.constantFrom(1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff),
  fc.integer({ min: 0, max: 0xffff }),
);

/** glibc's inet_ntop, said slowly with strings. */
function slowIpv6(groups: readonly number[]): string {
  const hex = groups.map((value) => value.toString(16));
  const leading = groups.findIndex((value) => value !== 0);
  const quad = [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join('.');
  if (leading === 6) return `::${quad}`;
  if (leading === 5 && groups[5] === 0xffff) return `::ffff:${quad}`;
  for (let length = 8; length >= 2; length--) {
    for (let start = 0; start + length <= 8; start++) {
      if (groups.slice(start, start + length).some((value) => value !== 0)) continue;
      return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
    }
  }
  return hex.join(':');
}

function ipv6(groups: readonly number[]): string {
  const words = [0, 2, 4, 6].map((i) => ((groups[i]! << 16) | groups[i + 1]!) >>> 0);
  return written((buffer, at) => writeIpv6(words[0]!, words[1]!, words[2]!, words[3]!, buffer, at));
}

describe('numbers', () => {
  test('every whole number up to 2^53 is written as String writes it', () => {
    const magnitude = fc.integer({ min: 0, max: 53 }).chain((bits) => fc.maxSafeNat().map((n) => n % 2 ** bits));
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), magnitude), (value) => {
        expect(written((buffer, at) => writeDecimal(value, buffer, at))).toBe(String(value));
      }),
      { numRuns: 2000 },
    );
  });

  test('both sides of every power of ten, and 2^53 itself, are written whole', () => {
    for (let power = 1; power <= 1e15; power *= 10) {
      for (const value of [power - 1, power, power + 1]) {
        expect(written((buffer, at) => writeDecimal(value, buffer, at))).toBe(String(value));
      }
    }
    expect(written((buffer, at) => writeDecimal(2 ** 53, buffer, at))).toBe('9007199254740992');
  });

  test('a negative number has a sign', () => {
    expect(written((buffer, at) => writeInteger(-60, buffer, at))).toBe('-60');
    expect(written((buffer, at) => writeInteger(0, buffer, at))).toBe('0');
  });
});

describe('addresses', () => {
  test('an IPv4 word is a dotted quad, whatever sign its bits gave it', () => {
    fc.assert(
      fc.property(word, (value) => {
        const expected = [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
        expect(written((buffer, at) => writeIpv4(value, buffer, at))).toBe(expected);
        expect(written((buffer, at) => writeIpv4(value | 0, buffer, at))).toBe(expected);
      }),
    );
  });

  test('an IPv6 address is written as a slow reference writes it', () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        expect(ipv6(groups)).toBe(slowIpv6(groups));
      }),
      { numRuns: 5000 },
    );
  });

  test('an IPv6 address is written as the C library of Node writes it', () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        // libuv alone writes ::2 as ::0.0.0.2.
        fc.pre(groups.slice(0, 7).some((value) => value !== 0) || groups[7]! < 2);
        const full = groups.map((value) => value.toString(16)).join(':');
        expect(ipv6(groups)).toBe(new SocketAddress({ address: full, family: 'ipv6' }).address);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
    ['1::', [1, 0, 0, 0, 0, 0, 0, 0]],
    ['2001:db8::1:0:0:1', [0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]],
    ['2001:db8:0:1:1:1:1:1', [0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]],
    ['::ffff:192.0.2.1', [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x201]],
    ['::ffff:0.0.0.0', [0, 0, 0, 0, 0, 0xffff, 0, 0]],
    ['ff02::1:ff00:1', [0xff02, 0, 0, 0, 0, 1, 0xff00, 1]],
  ])('%s', (text, groups) => {
    expect(ipv6(groups)).toBe(text);
  });
});
