/** Arbitrary connections as the kernel tracks them: of few addresses and ports, so that they meet, or of any. */
import fc from 'fast-check';
import type { Ends, TrackedConnection } from './ctnetlink.ts';

const port = fc.oneof(fc.constantFrom(1, 53, 443, 40_000, 65_535), fc.integer({ min: 0, max: 0xffff }));
const ipv4 = fc.oneof(fc.constantFrom('10.0.0.1', '192.0.2.1', '255.255.255.255'), fc.ipV4());
const ipv6 = fc.oneof(fc.constantFrom('2001:db8::1', '::', 'fd00::ffff:1'), fc.ipV6());

function ends(address: fc.Arbitrary<string>): fc.Arbitrary<Ends> {
  return fc.record({ source: address, destination: address, sourcePort: port, destinationPort: port });
}

export const arbitraryConnection: fc.Arbitrary<TrackedConnection> = fc
  .tuple(fc.constantFrom(ipv4, ipv6), fc.constantFrom(1, 6, 17, 47, 58, 132))
  .chain(([address, protocol]) =>
    fc.record(
      {
        protocol: fc.constant(protocol),
        original: ends(address),
        reply: ends(address),
        zone: fc.integer({ min: 0, max: 0xffff }),
        startNanoseconds: fc.bigInt({ min: 0n, max: 2n ** 61n }),
      },
      { requiredKeys: ['protocol', 'original', 'reply'] },
    ),
  );
