import { describe, expect, test } from 'vitest';
import { Classifier, isSameKey } from '../../../agent/explain/classifier.ts';
import type { Ending, KeyFound } from '../../../agent/explain/decode-trace.ts';
import { traceFrame } from '../../../agent/explain/trace.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { arp, ethernet, icmp, ipv4, ipv6, PROTOCOL, tcp, udp } from '../../support/packet-builder.ts';

const V4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const V6 = { source: 'fd00::1', destination: 'fd00::2' };
const SEGMENT = tcp({ sourcePort: 51_000, destinationPort: 443, flags: 0x12 });
const DHCP = udp({ sourcePort: 68, destinationPort: 67 });
const FRAMES = {
  tcp: ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.tcp }, SEGMENT)),
  tcp6: ethernet({}, ipv6({ ...V6, nextHeader: PROTOCOL.tcp }, SEGMENT)),
  icmp: ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.icmp }, icmp(3, 13))),
  dhcp: ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.udp }, DHCP)),
  arp: arp(),
  cut: ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.tcp }, SEGMENT)).subarray(0, 30),
};
type FrameName = keyof typeof FRAMES;

const classified = (name: FrameName) => classifiedFrame(FRAMES[name]);

function classifiedFrame(frame: Uint8Array, linkType = 1): { classifier: Classifier; decision: string | undefined } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const lengths = { captured: frame.length, wire: frame.length };
  const classifier = new Classifier(new Exclusion(EXCLUDE_DEFAULTS));
  const decision = classifier.classify({ number: 1, seconds: 0, nanoseconds: 0, linkType, ...lengths, view, at: 0 });
  return { classifier, decision };
}

const endingOf = (name: FrameName) => traceFrame(1, FRAMES[name], FRAMES[name].length)!.ending;
const keyOf = (name: FrameName) => endingOf(name) as KeyFound;

describe('a packet is decided', () => {
  test.each<[FrameName, string, number | undefined, string | undefined, number, number]>([
    ['tcp', 'record', 4, undefined, 40, 0x12],
    ['tcp6', 'record', 6, undefined, 60, 0x12],
    ['dhcp', 'excluded', 4, 'dhcp', 28, 0],
    ['arp', 'not-ip', undefined, undefined, 0, 0],
    ['cut', 'malformed', undefined, undefined, 0, 0],
  ])('%s: %s', (name, decision, family, ruleName, bytes, tcpFlags) => {
    const { classifier, decision: decided } = classified(name);
    expect(decided).toBe(decision);
    expect(classifier).toMatchObject({ family, ruleName, bytes, tcpFlags });
  });

  test('not at all where its link type is unknown', () => {
    expect(classifiedFrame(FRAMES.tcp, 105).decision).toBeUndefined();
  });
});

/** What the trace is checked with, against the decoder: a check that agrees to all would find nothing. */
describe('a trace agrees with the decoder', () => {
  test.each<FrameName>(['tcp', 'tcp6', 'icmp', 'dhcp', 'arp', 'cut'])('where it ends alike: %s', (name) => {
    expect(classified(name).classifier.agreesWith(endingOf(name))).toBe(true);
  });

  test.each<[FrameName, Partial<KeyFound>]>([
    ['tcp', { family: 6 }],
    ['tcp', { source: [0x0a000003] }],
    ['tcp', { destination: [0x0a000003] }],
    ['tcp', { sourcePort: 51_001 }],
    ['tcp', { destinationPort: 444 }],
    ['tcp', { protocol: 17 }],
    ['tcp', { tcpFlags: 0x10 }],
    ['tcp', { bytes: 41 }],
    ['tcp', { icmpType: 0 }],
    ['tcp', { icmpCode: 0 }],
    ['tcp6', { source: [0xfd000000, 0, 0, 2] }],
    ['tcp6', { destination: [0xfd000001, 0, 0, 2] }],
    ['icmp', { icmpType: 4 }],
    ['icmp', { icmpCode: 12 }],
    ['icmp', { icmpType: -1, icmpCode: -1 }],
  ])('not where one part of the key is another: %s, %j', (name, parts) => {
    expect(classified(name).classifier.agreesWith({ ...keyOf(name), ...parts })).toBe(false);
  });

  test.each<[string, FrameName, Ending]>([
    ['a key for a refusal', 'arp', keyOf('tcp')],
    ['a refusal for a key', 'tcp', endingOf('arp')],
    ['one refusal for the other', 'arp', endingOf('cut')],
    ['the other for the one', 'cut', endingOf('arp')],
  ])('not where it takes %s', (_what, name, ending) => {
    expect(classified(name).classifier.agreesWith(ending)).toBe(false);
  });
});

describe('two packets are of one flow', () => {
  const OTHERS: Readonly<Record<string, Uint8Array>> = {
    'another source': ipv4({ ...V4, source: '10.0.0.3', protocol: PROTOCOL.tcp }, SEGMENT),
    'another destination': ipv4({ ...V4, destination: '10.0.0.3', protocol: PROTOCOL.tcp }, SEGMENT),
    'another protocol': ipv4({ ...V4, protocol: PROTOCOL.udp }, SEGMENT),
    'another port': ipv4({ ...V4, protocol: PROTOCOL.tcp }, tcp({ sourcePort: 51_000, destinationPort: 80 })),
  };
  const rowOf = (frame: Uint8Array) => Int32Array.from(classifiedFrame(frame).classifier.row);

  test('whatever their lengths and flags', () => {
    const fin = tcp({ sourcePort: 51_000, destinationPort: 443, flags: 1 }, new Uint8Array(100));
    const other = ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.tcp }, fin));
    expect(isSameKey(rowOf(FRAMES.tcp), rowOf(other))).toBe(true);
  });

  test.each(Object.keys(OTHERS))('but not with %s', (what) => {
    expect(isSameKey(rowOf(FRAMES.tcp), rowOf(ethernet({}, OTHERS[what]!)))).toBe(false);
  });
});
