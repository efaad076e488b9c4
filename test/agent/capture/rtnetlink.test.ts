import { describe, expect, test } from 'vitest';
import { linkRequest, readLinks } from '../../../agent/capture/rtnetlink.ts';

const NEW = 16;
const GONE = 18 - 1;

function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
}

function message(type: number, index: number, flags: number, family: number, ...attributes: Buffer[]): Buffer {
  const head = Buffer.alloc(32);
  const rest = Buffer.concat(attributes);
  head.writeUInt32LE(head.length + rest.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt8(family, 16);
  head.writeInt32LE(index, 20);
  head.writeUInt32LE(flags, 24);
  return Buffer.concat([head, rest]);
}

function statistics(received: number, sent: number): Buffer {
  const value = Buffer.alloc(24 * 8);
  value.writeBigUInt64LE(BigInt(received), 0);
  value.writeBigUInt64LE(BigInt(sent), 8);
  return attribute(23, value);
}
const named = (name: string) => attribute(3, Buffer.from(`${name}\0`));

describe('messages about interfaces', () => {
  test('say their name, number, state and packets, several in a datagram', () => {
    const datagram = Buffer.concat([
      message(NEW, 7, 1, 0, named('veth0'), statistics(3, 4)),
      message(GONE, 8, 0, 0, statistics(0, 0), named('x')),
      message(3, 0, 0, 0),
    ]);
    expect([...readLinks(datagram)]).toEqual([
      { kind: 'link', index: 7, name: 'veth0', isUp: true, packets: 7 },
      { kind: 'gone', index: 8, name: 'x', isUp: false, packets: 0 },
      { kind: 'done' },
    ]);
  });

  test('of a port of a bridge, or of something else, are passed over', () => {
    const datagram = Buffer.concat([message(GONE, 7, 1, 7, named('veth0')), message(24, 7, 1, 0, named('veth0'))]);
    expect([...readLinks(datagram)]).toEqual([]);
  });

  test('that are cut, anywhere, or claim any length, bring nobody down', () => {
    const whole = message(NEW, 7, 1, 0, named('veth0'), statistics(3, 4));
    for (let length = 0; length < whole.length; length++) expect([...readLinks(whole.subarray(0, length))]).toEqual([]);
    for (const claimed of [0, 1, 15, 16, 31, 32, 33, 40, 0xffffffff]) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt32LE(claimed, 0);
      expect([...readLinks(damaged)].length).toBeLessThanOrEqual(1);
    }
    for (const claimed of [0, 3, 4, 5, 0xffff]) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt16LE(claimed, 32);
      expect([...readLinks(damaged)].length).toBe(1);
    }
  });

  test('are asked for all at once, or one by name', () => {
    expect(linkRequest()).toHaveLength(32);
    const request = Buffer.from(linkRequest('eth0'));
    expect(request.readUInt32LE(0)).toBe(request.length);
    expect(request.subarray(36, 41).toString()).toBe('eth0\0');
  });
});
