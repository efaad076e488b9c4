import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createObserved, type Observed } from '../../../detect/observed.ts';
import { faultOf, isAddress, isWindow } from '../../../logservice/findings/uploaded-record.ts';

const right: Observed = {
  ...createObserved(),
  sourceAddress: '10.0.0.9',
  destinationAddress: '2001:db8::1',
  sourcePort: 65_535,
  protocol: 255,
  tcpFlags: 511,
  icmpType: 255,
  icmpCode: 0,
  packets: 1,
  bytes: 10 ** 15 - 1,
  start: 1000,
  end: 1600,
  first: 1600,
};
const fault = (changes: Partial<Observed>) => faultOf({ ...right, ...changes });

describe('the rules look at an uploaded record', () => {
  test('that an agent may have written', () => {
    expect(fault({})).toBeUndefined();
    expect(fault({ tcpFlags: undefined, icmpType: undefined, icmpCode: undefined, first: undefined })).toBeUndefined();
    expect(fault({ start: 1600, first: 1000 })).toBeUndefined();
  });

  test.each(['', '-', '10.0.0', '10.0.0.9 10.0.0.1', '9'.repeat(400), 'x'.repeat(2 ** 20), 'host', 'fe80::1%eth0'])(
    'not with an address of %s',
    (text) => {
      expect(fault({ sourceAddress: text })).toBe('address');
      expect(fault({ destinationAddress: text })).toBe('address');
    },
  );

  test.each<Partial<Observed>>([
    { sourcePort: 65_536 },
    { destinationPort: -1 },
    { protocol: 256 },
    { packets: -1 },
    { bytes: -1 },
    { packets: Number.NaN },
    { tcpFlags: 512 },
    { icmpType: 256 },
    { icmpCode: -1 },
  ])('not with %j', (changes) => {
    expect(fault(changes)).toBe('number');
  });

  test.each<Partial<Observed>>([
    { start: 1601 },
    { start: 999 },
    { start: -5, end: 0 },
    { end: Number.POSITIVE_INFINITY },
    { start: Number.NaN },
    { first: 1601 },
    { first: 399 },
  ])('not with times %j', (changes) => {
    expect(fault(changes)).toBe('time');
  });
});

test('a window is as long as an agent makes it', () => {
  expect([isWindow(0, 0), isWindow(0, 600), isWindow(0, 601), isWindow(1, 0)]).toEqual([true, true, false, false]);
});

describe('an address is as records print it', () => {
  test('of IPv4', () => {
    fc.assert(fc.property(fc.ipV4(), isAddress));
    for (const text of ['1.2.3', '1.2.3.', '.1.2.3', '1..2.3', '1.2.3.4.', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', '1,2'])
      expect(isAddress(text), text).toBe(false);
  });

  test('of IPv6', () => {
    fc.assert(fc.property(fc.ipV6(), isAddress));
    expect(isAddress('0000:0000:0000:0000:0000:ffff:255.255.255.255')).toBe(true);
    for (const text of [':::', '::1::', '2001:db8', '::ffff:1.2.3.4.5', `${'0'.repeat(46)}::`])
      expect(isAddress(text), text).toBe(false);
  });
});
