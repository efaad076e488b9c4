import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COARSENINGS } from '../../../agent/flow/coarsen.ts';
import { KeySketch } from '../../../agent/flow/key-sketch.ts';
import { ICMP_KNOWN } from '../../../agent/packet/icmp.ts';
import { DESTINATION, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from '../../../agent/packet/key-row.ts';
import { countPackets, distinctFlow, flowTable, recordsOf } from '../../support/flow-tables.ts';
import { type KeyedPacket, toRows } from '../../support/key-rows.ts';

const FAMILIES = [4, 6] as const;
const word = fc.integer({ min: 1, max: 0xffff_ffff });
const address = fc.array(word, { minLength: 4, maxLength: 4 });
const port = fc.integer({ min: 0, max: 65_535 });
const packet = fc.record({
  family: fc.constantFrom(...FAMILIES),
  source: address,
  destination: address,
  sourcePort: port,
  destinationPort: port,
  protocol: fc.constantFrom(6, 17, 132),
  tcpFlags: fc.nat(255),
  bytes: fc.nat(1500),
  microseconds: fc.nat(1000),
});

/** What is left of a key after so many steps: addresses, ports, protocol. */
function keyAfter(steps: number, each: KeyedPacket) {
  const rows = toRows([each]);
  for (const coarsen of COARSENINGS.slice(0, steps)) coarsen(rows, 0);
  return {
    source: [...rows.subarray(SOURCE, SOURCE + 4)].map((value) => value >>> 0),
    destination: [...rows.subarray(DESTINATION, DESTINATION + 4)].map((value) => value >>> 0),
    ports: [rows[PORTS]! >>> 16, rows[PORTS]! & 0xffff],
    protocolAndFlags: rows[PROTOCOL_AND_FLAGS],
  };
}

const NOWHERE = [0, 0, 0, 0];
const SERVER = { ...distinctFlow(6, 0), source: [1, 2, 3, 4], destination: [5, 6, 7, 8], protocol: 17 };

describe('a key that goes down the ladder', () => {
  test('loses its higher port, then the address beside it, then all but the protocol, in either direction', () => {
    fc.assert(
      fc.property(packet, (each) => {
        const { source, destination, sourcePort, destinationPort } = each;
        const protocolAndFlags = each.protocol | (each.tcpFlags << 8);
        const isFromClient = sourcePort >= destinationPort;
        const ports = isFromClient ? [0, destinationPort] : [sourcePort, 0];
        // Of two ports of which none is left the source is taken for the client's.
        const isSourceKept = ports[0] !== 0;
        expect(keyAfter(1, each)).toEqual({ source, destination, ports, protocolAndFlags });
        const addresses = isSourceKept ? { source, destination: NOWHERE } : { source: NOWHERE, destination };
        expect(keyAfter(2, each)).toEqual({ ...addresses, ports, protocolAndFlags });
        expect(keyAfter(3, each)).toEqual({ source: NOWHERE, destination: NOWHERE, ports: [0, 0], protocolAndFlags });
      }),
    );
  });

  test.each([
    ['equal ports, as of NTP peers: the source is taken for the client', 123, 123, [0, 123], NOWHERE, [5, 6, 7, 8]],
    ['a server of the highest port but one', 65_534, 65_535, [65_534, 0], [1, 2, 3, 4], NOWHERE],
    ['a server of port 0', 0, 1, [0, 0], NOWHERE, [5, 6, 7, 8]],
  ])('has %s', (_, sourcePort, destinationPort, ports, source, destination) => {
    expect(keyAfter(2, { ...SERVER, sourcePort, destinationPort })).toMatchObject({ ports, source, destination });
  });

  test.each([1, 58])('loses type and code of ICMP (%i) as the first, and then its source', (protocol) => {
    const message = { ...SERVER, protocol, sourcePort: ICMP_KNOWN >>> 16, destinationPort: 0x0803 };
    expect(keyAfter(1, message)).toMatchObject({
      ports: [0, 0],
      source: SERVER.source,
      destination: SERVER.destination,
    });
    expect(keyAfter(2, message)).toMatchObject({ source: NOWHERE, destination: SERVER.destination });
  });

  test('leaves the row beside it alone', () => {
    const rows = toRows([SERVER, SERVER, SERVER]);
    const before = rows.slice();
    const at = rows.length / 3;
    for (const coarsen of COARSENINGS) coarsen(rows, at);
    expect([rows.subarray(0, at), rows.subarray(2 * at)]).toEqual([before.subarray(0, at), before.subarray(2 * at)]);
  });
});

describe.each(FAMILIES)('the room for coarser records of IPv%i', (family) => {
  const protocols = 40;
  /** Flows that meet in no step: each has a server and a protocol of its own. */
  const flows = Array.from({ length: protocols }, (_, index) => ({
    ...distinctFlow(family, index),
    destination: [0x0b00_0000 + index, ...Array<number>(family === 4 ? 0 : 3).fill(index)],
    protocol: 100 + index,
  }));

  test('is an eighth of the slots: a half of it for the first step, a half of the rest for the second, the others for the last', () => {
    const table = flowTable(family, { flowsMax: 1 });
    const { coarsened, overflowed } = countPackets(table, flows);
    const records = recordsOf(family, table);
    const kinds = records.map(
      ({ source0, destination0 }) => `${source0 === 0 ? '' : 'source '}${destination0 === 0 ? '' : 'destination'}`,
    );
    const count = (kind: string) => kinds.filter((each) => each === kind).length;
    expect([count('source destination'), count('destination'), count('')]).toEqual([1 + 8, 4, 4]);
    expect([coarsened.packets, overflowed.packets]).toEqual([16, protocols - 17]);
    expect([coarsened.bytes, overflowed.bytes]).toEqual([16 * 60, (protocols - 17) * 60]);
  });

  test('is taken anew by none who meets a record that is there', () => {
    const table = flowTable(family, { flowsMax: 1 });
    countPackets(table, flows.slice(0, 17));
    const flowsBefore = table.flows;
    const { coarsened, overflowed } = countPackets(table, flows.slice(1, 17));
    expect([table.flows, coarsened.packets, overflowed.packets]).toEqual([flowsBefore, 16, 0]);
  });

  test('leaves the limit of exact flows as it was', () => {
    const table = flowTable(family, { flowsMax: 2 });
    countPackets(table, flows.slice(0, 5));
    const { coarsened, metered } = countPackets(table, flows.slice(0, 2));
    expect([coarsened.packets, metered.packets]).toEqual([0, 2]);
    expect(countPackets(table, flows.slice(20, 21)).coarsened.packets).toBe(1);
  });

  test('is told by how many keys it was needed, each counted once, also those that overflowed', () => {
    const coarsenedKeys = new KeySketch();
    const table = flowTable(family, { flowsMax: 1, coarsenedKeys });
    for (let round = 0; round < 3; round++) countPackets(table, flows);
    // Two of so few rarely share a register.
    expect(coarsenedKeys.keys).toBeLessThanOrEqual(protocols - 1);
    expect(coarsenedKeys.keys).toBeGreaterThan(protocols - 6);
  });
});
