import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { annotateDirection } from '../../../agent/annotation/direction.ts';
import { DIRECTIONS_MAX, Handshakes } from '../../../agent/annotation/handshakes.ts';
import { annotateInitiator } from '../../../agent/annotation/initiator.ts';
import { annotateRegions } from '../../../agent/annotation/regions.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import type { RecordAnnotator } from '../../../agent/model/record-annotator.ts';
import { parseNetwork } from '../../../agent/packet/address.ts';
import { POINT } from '../../support/closed-windows.ts';
import { cursorOver } from '../../support/flow-records.ts';

const SYN = 0x02;
const SYN_ACK = 0x12;

/** A flow between two addresses, over TCP unless something else is said. */
function flow(source: string, destination: string, more: Partial<FlowRecord> = {}): FlowRecord {
  const [from, to] = [parseNetwork(source)!, parseNetwork(destination)!];
  const [source0 = 0, source1 = 0, source2 = 0, source3 = 0] = Uint32Array.from(from.words);
  const [destination0 = 0, destination1 = 0, destination2 = 0, destination3 = 0] = Uint32Array.from(to.words);
  const addresses = { source0, source1, source2, source3, destination0, destination1, destination2, destination3 };
  return { ...createFlowRecord(), family: from.family, ...addresses, protocol: 6, ...more };
}

function annotate(annotator: RecordAnnotator, records: readonly FlowRecord[], interfaceName = 'eth0'): FlowRecord[] {
  annotator.begin({ point: { ...POINT, interfaceName }, windowStart: 0, records: () => cursorOver(records) });
  for (const record of records) annotator.annotate(record);
  return [...records];
}

test('each annotator marks the records it saw, so that what it found is encoded', () => {
  const annotators = [annotateRegions([]), annotateDirection(() => []), annotateInitiator(() => 1)];
  for (const annotator of annotators) {
    const [record] = annotate(annotator, [flow('10.0.0.1', '10.0.0.2')]);
    expect(record!.isAnnotated).toBe(true);
  }
});

describe('regions', () => {
  const networks = (...texts: string[]) => texts.map((text) => parseNetwork(text)!);
  const annotator = annotateRegions([
    { id: 'ap-guangzhou', networks: networks('10.0.0.0/8', '2001:db8::/32') },
    { id: 'eu-frankfurt', networks: networks('10.9.0.0/16', '2001:db8:9::/48') },
  ]);
  const regionsOf = (record: FlowRecord) => {
    const [{ annotations }] = annotate(annotator, [record]) as [FlowRecord];
    return [annotations.sourceRegion, annotations.destinationRegion];
  };

  test('each address has the region of its longest prefix', () => {
    expect(regionsOf(flow('10.1.2.3', '10.9.2.3'))).toEqual(['ap-guangzhou', 'eu-frankfurt']);
    expect(regionsOf(flow('2001:db8:9::1', '2001:db8::1'))).toEqual(['eu-frankfurt', 'ap-guangzhou']);
  });

  test('an address that no network holds has none', () => {
    expect(regionsOf(flow('192.0.2.1', '10.0.0.1'))).toEqual(['', 'ap-guangzhou']);
  });

  test('a network says nothing about addresses of the other family that begin with the same bits', () => {
    expect(regionsOf(flow('a01:203::1', '2001:db8::1'))).toEqual(['', 'ap-guangzhou']);
    expect(regionsOf(flow('32.1.13.184', '10.0.0.1'))).toEqual(['', 'ap-guangzhou']);
  });
});

describe('direction', () => {
  const annotator = annotateDirection(() => [
    { name: 'lo', addresses: ['127.0.0.1/8', '::1/128'] },
    { name: 'eth0', addresses: ['192.0.2.1/24', 'fe80::1%eth0/64'] },
    { name: 'eth1', addresses: ['198.51.100.1/24'] },
  ]);
  const directionOf = (source: string, destination: string, interfaceName = 'eth0') =>
    annotate(annotator, [flow(source, destination)], interfaceName)[0]!.annotations.direction;

  test('what is for an address of the host comes in, what is from one goes out', () => {
    expect(directionOf('203.0.113.9', '192.0.2.1')).toBe('ingress');
    expect(directionOf('192.0.2.1', '203.0.113.9')).toBe('egress');
    expect(directionOf('fe80::1', 'ff02::1')).toBe('egress');
    expect(directionOf('203.0.113.9', '198.51.100.1')).toBe('ingress');
  });

  test('what a gateway forwards goes by the network that the interface is attached to', () => {
    expect(directionOf('192.0.2.77', '203.0.113.9')).toBe('ingress');
    expect(directionOf('203.0.113.9', '192.0.2.77')).toBe('egress');
  });

  test('what a gateway forwards through a tunnel goes by the networks behind its other interfaces', () => {
    expect(directionOf('198.51.100.9', '203.0.113.9')).toBe('egress');
    expect(directionOf('203.0.113.9', '198.51.100.9')).toBe('ingress');
  });

  test('the network of the interface itself says more than the ones behind it', () => {
    expect(directionOf('198.51.100.9', '192.0.2.77')).toBe('egress');
    expect(directionOf('192.0.2.77', '198.51.100.1')).toBe('ingress');
  });

  test('on the device of all interfaces only the own addresses of the host say anything', () => {
    expect(directionOf('192.0.2.77', '203.0.113.9', 'any')).toBe('unknown');
    expect(directionOf('192.0.2.1', '203.0.113.9', 'any')).toBe('egress');
  });

  test('an address is the host’s own whatever its interface and prefix, also as a link-local one with its zone', () => {
    expect(directionOf('198.51.100.1', '192.0.2.77')).toBe('egress');
    expect(directionOf('fe80::2', 'fe80::1')).toBe('ingress');
    expect(directionOf('198.51.100.1', '192.0.2.1')).toBe('unknown');
  });

  test('of a network on both sides of a host the side of the interface counts', () => {
    const both = annotateDirection(() => [
      { name: 'eth0', addresses: ['10.0.0.1/16', 'no address', ''] },
      { name: 'eth1', addresses: ['10.0.0.2/16'] },
    ]);
    const directions = annotate(both, [flow('10.0.9.9', '203.0.113.9'), flow('203.0.113.9', '10.0.9.9')]).map(
      ({ annotations }) => annotations.direction,
    );
    expect(directions).toEqual(['ingress', 'egress']);
  });

  test('addresses are asked for with each window, because they come and go', () => {
    let addresses: readonly string[] = ['192.0.2.1/24'];
    const changing = annotateDirection(() => [{ name: 'eth0', addresses }]);
    const direction = () => annotate(changing, [flow('192.0.2.1', '203.0.113.9')])[0]!.annotations.direction;
    expect(direction()).toBe('egress');
    addresses = [];
    expect(direction()).toBe('unknown');
    addresses = ['203.0.113.9/24'];
    expect(direction()).toBe('ingress');
  });

  test('a host that talks to itself, and strangers among themselves, have none', () => {
    expect(directionOf('127.0.0.1', '127.0.0.1')).toBe('unknown');
    expect(directionOf('203.0.113.9', '203.0.113.10')).toBe('unknown');
  });
});

describe('initiator', () => {
  const opening = { sourcePort: 40_000, destinationPort: 8080, firstMicroseconds: 1000, tcpFlags: SYN_ACK };
  const answer = { sourcePort: 8080, destinationPort: 40_000, firstMicroseconds: 1730, tcpFlags: SYN_ACK };
  const told = (records: readonly FlowRecord[]) =>
    annotate(
      annotateInitiator(() => 7),
      records,
    ).map(({ annotations: { initiator, initiatorEvidence, handshakeMicroseconds } }) => [
      initiator,
      initiatorEvidence,
      handshakeMicroseconds,
    ]);

  test('the earlier SYN of a connection began it, and the time to the other is the handshake', () => {
    const records = [flow('10.0.0.1', '10.0.0.2', opening), flow('10.0.0.2', '10.0.0.1', answer)];
    expect(told(records)).toEqual([
      ['source', 'syn', 730],
      ['destination', 'syn', 730],
    ]);
  });

  test('ports do not matter where there are SYNs', () => {
    const swapped = { sourcePort: 22, destinationPort: 40_000 };
    const back = { sourcePort: 40_000, destinationPort: 22 };
    const records = [
      flow('2001:db8::1', '2001:db8::2', { ...opening, ...swapped }),
      flow('2001:db8::2', '2001:db8::1', { ...answer, ...back }),
    ];
    expect(told(records).map(([initiator]) => initiator)).toEqual(['source', 'destination']);
  });

  test('a SYN without an answer was sent by the one who begins', () => {
    expect(told([flow('10.0.0.1', '10.0.0.2', { sourcePort: 22, destinationPort: 40_000, tcpFlags: SYN })])).toEqual([
      ['source', 'syn', 0],
    ]);
  });

  test('else the lower port serves, and two of a kind say nothing', () => {
    const ports = (sourcePort: number, destinationPort: number, protocol = 17) =>
      told([flow('10.0.0.1', '10.0.0.2', { sourcePort, destinationPort, protocol })])[0];
    expect(ports(40_000, 53)).toEqual(['source', 'port', 0]);
    expect(ports(443, 5353)).toEqual(['destination', 'port', 0]);
    expect(ports(8080, 50_000)).toEqual(['destination', 'port', 0]);
    expect(ports(50_000, 50_001)).toEqual(['unknown', 'none', 0]);
    expect(ports(53, 53)).toEqual(['unknown', 'none', 0]);
    expect(ports(40_000, 53, 1)).toEqual(['unknown', 'none', 0]);
  });

  test('a port on the very edge is that of a client', () => {
    const initiatorOf = (sourcePort: number, destinationPort: number, protocol = 6) =>
      told([flow('10.0.0.1', '10.0.0.2', { sourcePort, destinationPort, protocol })])[0]![0];
    expect([initiatorOf(1023, 1024), initiatorOf(1024, 1023)]).toEqual(['destination', 'source']);
    expect([initiatorOf(32_767, 32_768), initiatorOf(32_768, 32_767)]).toEqual(['destination', 'source']);
    expect([initiatorOf(1022, 1023), initiatorOf(1024, 32_767), initiatorOf(32_768, 65_535)]).toEqual(
      Array(3).fill('unknown'),
    );
    expect([6, 17, 132].map((protocol) => initiatorOf(50_000, 80, protocol))).toEqual(Array(3).fill('source'));
    expect([0, 1, 47, 50, 58, 133].map((protocol) => initiatorOf(50_000, 80, protocol))).toEqual(
      Array(6).fill('unknown'),
    );
  });

  test('two SYNs at one moment, as of a capture with a coarse clock, leave it to the ports', () => {
    const at = { firstMicroseconds: 1000 };
    const records = [
      flow('10.0.0.1', '10.0.0.2', { ...opening, ...at }),
      flow('10.0.0.2', '10.0.0.1', { ...answer, ...at }),
    ];
    expect(told(records)).toEqual([
      ['source', 'port', 0],
      ['destination', 'port', 0],
    ]);
  });

  test('one side of an opening alone leaves it to the ports, and flags of other protocols are none', () => {
    expect(told([flow('10.0.0.1', '10.0.0.2', { ...opening, destinationPort: 50_000 })])).toEqual([
      ['unknown', 'none', 0],
    ]);
    expect(told([flow('10.0.0.1', '10.0.0.2', { ...opening, tcpFlags: SYN, protocol: 17 })])).toEqual([
      ['source', 'port', 0],
    ]);
    const ofUdp = { protocol: 17, tcpFlags: SYN_ACK };
    const records = [flow('10.0.0.1', '10.0.0.2', opening), flow('10.0.0.2', '10.0.0.1', { ...answer, ...ofUdp })];
    expect(told(records)[0]).toEqual(['source', 'port', 0]);
  });

  test('no handshake of one window is an answer in the next', () => {
    const annotator = annotateInitiator(() => 3);
    annotate(annotator, [flow('10.0.0.2', '10.0.0.1', { ...answer, sourcePort: 50_000 })]);
    const [later] = annotate(annotator, [flow('10.0.0.1', '10.0.0.2', { ...opening, destinationPort: 50_000 })]);
    expect(later!.annotations.initiatorEvidence).toBe('none');
  });

  test('what connection tracking said stays', () => {
    const record = flow('10.0.0.1', '10.0.0.2', { sourcePort: 40_000, destinationPort: 53, protocol: 17 });
    Object.assign(record.annotations, { initiator: 'destination', initiatorEvidence: 'conntrack' });
    expect(told([record])).toEqual([['destination', 'conntrack', 0]]);
  });
});

describe('handshakes', () => {
  test('answer as a map of keys does', () => {
    const port = fc.integer({ min: 0, max: 3 });
    const one = fc.record({ source0: port, destination0: port, sourcePort: port, destinationPort: port });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), fc.integer(), (keys, seed) => {
        const handshakes = new Handshakes(seed);
        const model = new Map<string, number>();
        for (const [firstMicroseconds, key] of keys.entries()) {
          handshakes.add({ ...createFlowRecord(), ...key, firstMicroseconds });
          model.set([key.source0, key.destination0, key.sourcePort, key.destinationPort].join(), firstMicroseconds);
        }
        for (const key of keys) {
          const answer = model.get([key.destination0, key.source0, key.destinationPort, key.sourcePort].join());
          expect(handshakes.answerTo({ ...createFlowRecord(), ...key })).toBe(answer ?? -1);
        }
        expect(handshakes.size).toBe(model.size);
      }),
    );
  });

  test('grow to their bound, and remember nearly all until there', () => {
    const handshakes = new Handshakes(12345);
    const record = createFlowRecord();
    for (let i = 0; i < DIRECTIONS_MAX + 1000; i++) {
      Object.assign(record, { source0: i, destination0: 0xc000_0201, sourcePort: i & 0xffff, firstMicroseconds: i });
      handshakes.add(record);
    }
    expect(handshakes.size).toBeLessThanOrEqual(DIRECTIONS_MAX);
    expect(handshakes.size).toBeGreaterThan(0.999 * DIRECTIONS_MAX);
  });
});
