import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Judge } from '../../../agent/explain/decision.ts';
import { narrate } from '../../../agent/explain/link-layers.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { arbitraryFrame, loggedFrame, randomFrame } from '../../support/arbitrary-frame.ts';
import { arp, concat, ethernet, ipv4, ipv6, linuxSll2, PROTOCOL, tcp, udp } from '../../support/packet-builder.ts';
import type { Frame } from '../../support/reference-decoder.ts';

const RUNS = 20_000;

function storyOf({ bytes, capturedLength, wireLength, linkType }: Frame) {
  return narrate(linkType, bytes.subarray(0, capturedLength), wireLength)!;
}

function ethernetStory(bytes: Uint8Array, capturedLength = bytes.length) {
  return storyOf({ bytes, capturedLength, wireLength: bytes.length, linkType: 1 });
}

/** Layer by layer, with the byte at which each begins. */
const layers = ({ steps }: ReturnType<typeof storyOf>) => steps.map(({ layer, offset }) => `${layer}@${offset}`);

describe('the story of a frame', () => {
  test.each([
    ['with structure', arbitraryFrame],
    ['of random bytes', randomFrame],
    ['of the packet filter’s log', loggedFrame],
  ])('ends as the decoder does, for frames %s', (_what, frames) => {
    const judge = new Judge(new Exclusion(EXCLUDE_DEFAULTS));
    fc.assert(
      fc.property(frames, (frame) => {
        const { bytes, capturedLength: captured, wireLength: wire, linkType } = frame;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        judge.decide({ number: 1, seconds: 0, nanoseconds: 0, linkType, wire, captured, view, at: 0 });
        const { ending } = storyOf(frame);
        expect(judge.agreesWith(ending), JSON.stringify(ending)).toBe(true);
        if (ending.kind !== 'key') expect(ending.offset).toBeLessThanOrEqual(captured);
      }),
      { numRuns: RUNS },
    );
  });

  test('peels VLAN tags one after the other, down to the ports', () => {
    const packet = ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp },
      tcp({ sourcePort: 5, destinationPort: 443, flags: 2 }),
    );
    const story = ethernetStory(ethernet({ vlans: [{ id: 7, tagProtocol: 0x88a8 }, { id: 9 }] }, packet));
    expect(layers(story)).toEqual(['Ethernet@0', 'VLAN@14', 'VLAN@18', 'IPv4@22', 'length@24', 'TCP@42']);
    expect(story.steps[1]!.says).toBe('id 7, priority 0, EtherType 0x8100 (VLAN tag)');
    expect(story.steps[5]!.says).toBe('port 5 > 443, flags S');
    expect(story.ending).toMatchObject({ kind: 'key', sourcePort: 5, destinationPort: 443, bytes: 40, tcpFlags: 2 });
  });

  test('shows the tags that the kernel left in front of the packet, and what speaks for them', () => {
    const packet = ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp },
      tcp({ sourcePort: 5, destinationPort: 443 }),
    );
    const bytes = linuxSll2(0x0800, concat(Uint8Array.of(0x45, 8, 0x81, 0, 0, 9, 8, 0), packet));
    const story = storyOf({ bytes, capturedLength: bytes.length, wireLength: bytes.length, linkType: 276 });
    expect(layers(story)).toEqual([
      ...['Linux cooked 2@0', 'inner VLAN@20', 'inner VLAN@24', 'IPv4@28', 'length@30', 'TCP@48'],
    ]);
    expect(story.steps[1]!.says).toBe(
      'id 1288, priority 2, left by the kernel in front of what it announces: behind it is an IPv4 header with the right checksum',
    );
  });

  test('says of a PPP protocol that it is compressed', () => {
    const packet = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.icmp });
    const header = Uint8Array.of(0x11, 0, 0, 7, 0, 0, 0x21);
    const story = ethernetStory(ethernet({ etherType: 0x8864 }, concat(header, packet)));
    expect(story.steps[1]!.says).toBe('session 7, PPP protocol 0x21, compressed to one byte (IPv4)');
    expect(story.ending.kind).toBe('key');
  });

  test('names what a frame carries that is not IP, and the byte that says so', () => {
    const { ending } = ethernetStory(arp());
    expect(ending).toEqual({ kind: 'not-ip', offset: 12, reason: 'EtherType 0x0806 (ARP), carries no IP packet' });
  });

  test('says how many bytes of a cut header there are', () => {
    const packet = ipv6(
      { source: '2001:db8::1', destination: '2001:db8::2', nextHeader: PROTOCOL.udp },
      udp({ sourcePort: 1, destinationPort: 2 }),
    );
    const { ending } = ethernetStory(ethernet({}, packet), 50);
    expect(ending).toEqual({
      kind: 'malformed',
      offset: 14,
      reason: 'an IPv6 header takes 40 bytes, of which 36 were captured',
    });
  });

  test('is not told of a link type that nobody knows', () => {
    expect(narrate(105, new Uint8Array(40), 40)).toBeUndefined();
  });
});
