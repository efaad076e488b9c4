import { closeSync, readSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ConntrackReader, dumpRequest, NETLINK_NETFILTER } from '../../../agent/conntrack/ctnetlink.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';

const addon = loadCaptureAddon();
const RECEIVE_BYTES = 65_536;

function failureOf(call: () => unknown): { readonly code?: string } {
  try {
    call();
  } catch (error) {
    return error as { code?: string };
  }
  throw new Error('it did not fail');
}

/** The kernel says whether it may be asked at all. */
const refusal = (() => {
  try {
    closeSync(addon.openNetlink(NETLINK_NETFILTER, [1], RECEIVE_BYTES));
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
})();
if (refusal !== undefined) process.stderr.write(`netlink: asking conntrack skipped: the kernel answers ${refusal}\n`);

describe('a descriptor that never waits', () => {
  test('is read, or answers that there is nothing', () => {
    const event = addon.openEvent();
    const bytes = new Uint8Array(8);
    expect(addon.readNow(event, bytes)).toBe(0);
    writeSync(event, new BigUint64Array([3n]));
    expect([addon.readNow(event, bytes), bytes[0], addon.readNow(event, bytes)]).toEqual([8, 3, 0]);
    closeSync(event);
    expect(failureOf(() => addon.readNow(event, bytes)).code).toBe('EBADF');
    expect(() => addon.readNow(event, new DataView(bytes.buffer) as unknown as Uint8Array)).toThrow(TypeError);
  });
});

describe('a netlink socket', () => {
  test.each([
    ['a protocol that is no number', ['netfilter', [], RECEIVE_BYTES]],
    ['groups that are no list', [NETLINK_NETFILTER, 1, RECEIVE_BYTES]],
    ['a queue of half a byte', [NETLINK_NETFILTER, [], 0.5]],
  ])('refuses %s', (_, words) => {
    expect(() => addon.openNetlink(...(words as [number, number[], number]))).toThrow(TypeError);
  });

  test('of a protocol that does not exist says so by its errno', () => {
    expect(failureOf(() => addon.openNetlink(31, [], RECEIVE_BYTES)).code).toBe('EPROTONOSUPPORT');
  });

  test.skipIf(refusal !== undefined)('never waits, and answers what is asked', () => {
    const descriptor = addon.openNetlink(NETLINK_NETFILTER, [], RECEIVE_BYTES);
    const datagram = new Uint8Array(RECEIVE_BYTES);
    expect(failureOf(() => readSync(descriptor, datagram)).code).toBe('EAGAIN');
    writeSync(descriptor, dumpRequest());
    const reader = new ConntrackReader();
    const messages: unknown[] = [];
    while (messages.at(-1) !== 'done') {
      reader.load(datagram.subarray(0, readSync(descriptor, datagram)));
      for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
    }
    expect(new Set(messages.slice(0, -1))).toEqual(messages.length > 1 ? new Set(['alive']) : new Set());
    closeSync(descriptor);
  });

  test.skipIf(refusal !== undefined)('cannot join a group that does not exist', () => {
    expect(() => addon.openNetlink(NETLINK_NETFILTER, [-1], RECEIVE_BYTES)).toThrow(/group/);
  });
});
