/** The ledger's equation over meter and tap, against an oracle that counts what it gave them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lostPackets, offeredPackets } from '../../../agent/model/ledger.ts';
import { interfaceGone } from '../../support/fake-engine.ts';
import { arp, ethernet, ipv4, ipv6, udp } from '../../support/packet-builder.ts';
import { TappedInterface } from '../../support/tapping.ts';

const ports = udp({ sourcePort: 4000, destinationPort: 53 });
const KINDS = {
  udp4: (flow: number) =>
    ethernet({}, ipv4({ source: `10.0.${flow >> 8}.${flow & 255}`, destination: '10.1.0.1', protocol: 17 }, ports)),
  udp6: (flow: number) =>
    ethernet({}, ipv6({ source: `2001:db8::${flow.toString(16)}`, destination: '2001:db8::1', nextHeader: 17 }, ports)),
  excluded: () =>
    ethernet(
      {},
      ipv4(
        { source: '0.0.0.0', destination: '255.255.255.255', protocol: 17 },
        udp({ sourcePort: 68, destinationPort: 67 }),
      ),
    ),
  notIp: () => arp(),
  malformed: () => ethernet({ etherType: 0x86dd }, new Uint8Array(20)),
};
const kind = fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[]));

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('packets' as const),
      packets: fc.array(fc.record({ kind, flow: fc.nat(600), early: fc.integer({ min: 0, max: 130 }) }), {
        maxLength: 250,
        size: 'max',
      }),
      droppedByKernel: fc.nat(9),
      droppedByInterface: fc.nat(9),
      seconds: fc.integer({ min: 0, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('gone' as const), seconds: fc.integer({ min: 1, max: 200 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('jump' as const), seconds: fc.integer({ min: 3, max: 2000 }) }),
  },
);

test('whatever comes, is dropped, goes away or is jumped over: every packet is in one place of one ledger', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25, size: 'max' }),
      fc.integer({ min: 3, max: 400 }),
      async (steps, flowsMax) => {
        const tapped = new TappedInterface({ clock: { seconds: 600, setSeconds: 0 }, meter: { flowsMax } });
        tapped.tap.attach();
        const { clock, engine } = tapped;
        const given = {
          udp4: 0,
          udp6: 0,
          excluded: 0,
          notIp: 0,
          malformed: 0,
          droppedByKernel: 0,
          droppedByInterface: 0,
        };
        for (const one of steps) {
          const now = clock.seconds + one.seconds;
          if (one.kind === 'packets') {
            const { counted } = engine.newest;
            engine.newest.waiting.push(
              ...one.packets.map((packet) => ({
                seconds: Math.max(0, clock.seconds - packet.early),
                bytes: KINDS[packet.kind](packet.flow),
              })),
            );
            for (const packet of one.packets) given[packet.kind] += 1;
            engine.newest.counted = {
              received: 0,
              droppedByKernel: counted.droppedByKernel! + one.droppedByKernel,
              droppedByInterface: counted.droppedByInterface! + one.droppedByInterface,
            };
            given.droppedByKernel += one.droppedByKernel;
            given.droppedByInterface += one.droppedByInterface;
          } else if (one.kind === 'gone') {
            engine.newest.failure = interfaceGone('eth0');
            await tapped.round(clock.seconds);
          } else clock.setSeconds! += one.seconds;
          await tapped.round(now);
        }
        tapped.tap.end();

        const sums = {
          udp: 0,
          excluded: 0,
          notIp: 0,
          malformed: 0,
          droppedByKernel: 0,
          droppedByInterface: 0,
          offered: 0,
        };
        for (const { ledger, records } of tapped.closed) {
          const { metered, coarsened, coarsenedKeys } = ledger;
          expect(records.reduce((packets, record) => packets + record.packets, 0)).toBe(metered.packets);
          expect(records.reduce((bytes, record) => bytes + record.bytes, 0)).toBe(metered.bytes);
          expect(coarsened.packets).toBeLessThanOrEqual(metered.packets);
          expect(coarsenedKeys > 0).toBe(coarsened.packets > 0);
          expect(lostPackets(ledger)).toBe(ledger.droppedByKernel + ledger.droppedByInterface);
          sums.udp += metered.packets;
          sums.excluded += ledger.excluded['dhcp']!.packets;
          sums.notIp += ledger.notIp.packets;
          sums.malformed += ledger.malformed.packets;
          sums.droppedByKernel += ledger.droppedByKernel;
          sums.droppedByInterface += ledger.droppedByInterface;
          sums.offered += offeredPackets(ledger);
        }
        const { udp4, udp6, ...rest } = given;
        const offered = Object.values(given).reduce((sum, count) => sum + count, 0);
        expect(sums).toEqual({ udp: udp4 + udp6, ...rest, offered });
      },
    ),
    { numRuns: 150 },
  );
});
