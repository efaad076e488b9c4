import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Classifier } from '../../../agent/explain/classifier.ts';
import { LAYERS } from '../../../agent/explain/layers.ts';
import { traceFrame } from '../../../agent/explain/trace.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { arbitraryFrame, loggedFrame, randomFrame } from '../../support/arbitrary-frame.ts';
import { arp, concat, ethernet, ipv4, ipv6, linuxSll2, PROTOCOL, tcp, udp } from '../../support/packet-builder.ts';
import type { Frame } from '../../support/reference-decoder.ts';

const RUNS = 20_000;

function traceOf({ bytes, capturedLength, wireLength, linkType }: Frame) {
  return traceFrame(linkType, bytes.subarray(0, capturedLength), wireLength)!;
}

function ethernetTrace(bytes: Uint8Array, capturedLength = bytes.length) {
  return traceOf({ bytes, capturedLength, wireLength: bytes.length, linkType: 1 });
}

/** Layer by layer, with the byte at which each begins. */
const layers = ({ steps }: ReturnType<typeof traceOf>) => steps.map(({ layer, offset }) => `${layer}@${offset}`);

describe('the trace of a frame', () => {
  test.each([
    ['with structure', arbitraryFrame],
    ['of random bytes', randomFrame],
    ['of the packet filter’s log', loggedFrame],
  ])('ends as the decoder does, for frames %s', (_what, frames) => {
    const classifier = new Classifier(new Exclusion(EXCLUDE_DEFAULTS));
    fc.assert(
      fc.property(frames, (frame) => {
        const { bytes, capturedLength: captured, wireLength: wire, linkType } = frame;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        classifier.classify({ number: 1, seconds: 0, nanoseconds: 0, linkType, wire, captured, view, at: 0 });
        const { ending } = traceOf(frame);
        expect(classifier.agreesWith(ending), JSON.stringify(ending)).toBe(true);
        if (ending.kind !== 'key') expect(ending.offset).toBeLessThanOrEqual(captured);
      }),
      { numRuns: RUNS },
    );
  });

  test('meets every layer of the table, and each has its own name and a source', () => {
    const met = new Set<string>();
    for (const frames of [arbitraryFrame, loggedFrame]) {
      for (const frame of fc.sample(frames, { numRuns: RUNS, seed: 1 })) {
        for (const { layer } of traceOf(frame).steps) met.add(layer);
      }
    }
    const rows = Object.values(LAYERS);
    expect(rows.map(({ name }) => name).filter((name) => !met.has(name))).toEqual([]);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    for (const { name, source } of rows) expect(source, name).not.toBe('');
  });

  test('peels VLAN tags one after the other, down to the ports', () => {
    const packet = ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp },
      tcp({ sourcePort: 5, destinationPort: 443, flags: 2 }),
    );
    const trace = ethernetTrace(ethernet({ vlans: [{ id: 7, tagProtocol: 0x88a8 }, { id: 9 }] }, packet));
    expect(layers(trace)).toEqual(['Ethernet@0', 'VLAN@14', 'VLAN@18', 'IPv4@22', 'length@24', 'TCP@42']);
    expect(trace.steps[1]!.says).toBe('id 7, priority 0, EtherType 0x8100 (VLAN tag)');
    expect(trace.steps[5]!.says).toBe('port 5 > 443, flags S');
    expect(trace.ending).toMatchObject({ kind: 'key', sourcePort: 5, destinationPort: 443, bytes: 40, tcpFlags: 2 });
  });

  test('shows the tags that the kernel left in front of the packet, and what speaks for them', () => {
    const packet = ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp },
      tcp({ sourcePort: 5, destinationPort: 443 }),
    );
    const bytes = linuxSll2(0x0800, concat(Uint8Array.of(0x45, 8, 0x81, 0, 0, 9, 8, 0), packet));
    const trace = traceOf({ bytes, capturedLength: bytes.length, wireLength: bytes.length, linkType: 276 });
    expect(layers(trace)).toEqual([
      ...['Linux cooked 2@0', 'inner VLAN@20', 'inner VLAN@24', 'IPv4@28', 'length@30', 'TCP@48'],
    ]);
    expect(trace.steps[1]!.says).toBe(
      'id 1288, priority 2, left by the kernel: followed by an IPv4 header with a valid checksum',
    );
  });

  test('says of a PPP protocol that it is compressed', () => {
    const packet = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.icmp });
    const header = Uint8Array.of(0x11, 0, 0, 7, 0, 0, 0x21);
    const trace = ethernetTrace(ethernet({ etherType: 0x8864 }, concat(header, packet)));
    expect(trace.steps[1]!.says).toBe('session 7, PPP protocol 0x21, compressed to one byte (IPv4)');
    expect(trace.ending.kind).toBe('key');
  });

  test('names what a frame carries that is not IP, and the byte that says so', () => {
    const { ending } = ethernetTrace(arp());
    expect(ending).toEqual({ kind: 'not-ip', offset: 12, reason: 'EtherType 0x0806 (ARP) carries no IP' });
  });

  test('says how many bytes of a cut header there are', () => {
    const packet = ipv6(
      { source: '2001:db8::1', destination: '2001:db8::2', nextHeader: PROTOCOL.udp },
      udp({ sourcePort: 1, destinationPort: 2 }),
    );
    const { ending } = ethernetTrace(ethernet({}, packet), 50);
    expect(ending).toEqual({
      kind: 'malformed',
      offset: 14,
      reason: 'truncated IPv6 header: 36 of 40 bytes captured',
    });
  });

  test('does not exist for an unknown link type', () => {
    expect(traceFrame(105, new Uint8Array(40), 40)).toBeUndefined();
  });
});
