import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyFound } from '../../../agent/explain/decode-trace.ts';
import type { Explanation } from '../../../agent/explain/explanation.ts';
import { explanationObject } from '../../../agent/explain/explanation-json.ts';
import { flowText, formatExplanation, timeText } from '../../../agent/explain/explanation-text.ts';
import { parseFlow } from '../../../agent/explain/flow-pattern.ts';

const CONTEXT = { file: 'x.pcap', linkTypeName: 'EN10MB (1)', windowSeconds: 60, ruleNames: ['dhcp', 'kms'] };

const KEY: KeyFound = {
  kind: 'key',
  family: 4,
  source: [0x0a000001],
  destination: [0x0a000002],
  sourcePort: 51_000,
  destinationPort: 443,
  icmpType: -1,
  icmpCode: -1,
  protocol: 6,
  tcpFlags: 2,
  bytes: 60,
};

const RECORDED: Explanation = {
  number: 7,
  seconds: 1_700_000_000,
  nanoseconds: 250_000_000,
  linkType: 1,
  captured: 74,
  wire: 74,
  trace: {
    steps: [
      { layer: 'Ethernet', offset: 0, says: 'a > b, EtherType 0x0800 (IPv4)' },
      { layer: 'IPv4', offset: 14, says: '10.0.0.1 > 10.0.0.2, protocol 6 (TCP)' },
    ],
    ending: KEY,
  },
  decision: 'record',
  ruleName: undefined,
  windowStart: 1_699_999_980,
  record: { packets: 3, bytes: 1500, tcpFlags: 18, first: 1_700_000_000.25, last: 1_700_000_002.5 },
  inFile: { packets: 4, bytes: 1560, windows: 2, numbers: [7, 8, 12, 2000] },
};
const EXCLUDED: Explanation = { ...RECORDED, decision: 'excluded', ruleName: 'dhcp' };
const REFUSED: Explanation = {
  ...RECORDED,
  captured: 30,
  wire: 1514,
  trace: { steps: [], ending: { kind: 'malformed', offset: 14, reason: 'truncated IPv4 header' } },
  decision: 'malformed',
  record: undefined,
  inFile: { packets: 1, bytes: 1514, windows: 1, numbers: [7] },
};

describe('an explanation in words', () => {
  test('of a packet in a record', () => {
    expect(formatExplanation(RECORDED, CONTEXT, 100)).toBe(
      [
        'Packet 7 of x.pcap',
        '  time         2023-11-14T22:13:20.250000Z',
        '  frame        74 bytes, all captured; link type EN10MB (1)',
        '',
        '  @0    Ethernet  a > b, EtherType 0x0800 (IPv4)',
        '  @14   IPv4      10.0.0.1 > 10.0.0.2, protocol 6 (TCP)',
        '',
        '  key          10.0.0.1:51000 > 10.0.0.2:443/tcp, 60 bytes, flags S',
        '  exclusion    not excluded: no match in dhcp, kms',
        '  window       2023-11-14T22:13:00Z, 60 s',
        '  record       3 packets, 1.5 kB in this flow and window, over 2.250000 s, flags SA',
        '  in the file  4 packets, 1.6 kB in 2 records: packets 7, 8, 12, 2,000',
        '',
      ].join('\n'),
    );
  });

  test('of an excluded packet, which is in no record', () => {
    const lines = formatExplanation(EXCLUDED, CONTEXT, 100).split('\n').slice(7, -1);
    expect(lines).toEqual([
      '  key          10.0.0.1:51000 > 10.0.0.2:443/tcp, 60 bytes, flags S',
      '  exclusion    excluded by rule dhcp',
      '  window       2023-11-14T22:13:00Z, 60 s',
      '  ledger       counted as excluded by rule dhcp; this flow in the file: 4 packets, 1.6 kB',
      '  in the file  4 packets, 1.6 kB: packets 7, 8, 12, 2,000',
    ]);
  });

  test('of a refused packet, which has no key', () => {
    expect(formatExplanation(REFUSED, CONTEXT, 100)).toBe(
      [
        'Packet 7 of x.pcap',
        '  time         2023-11-14T22:13:20.250000Z',
        '  frame        1,514 bytes, 30 of them captured; link type EN10MB (1)',
        '',
        '  refused      malformed, at byte 14: truncated IPv4 header.',
        '  window       2023-11-14T22:13:00Z, 60 s',
        '  ledger       counted as malformed, one of 1 packet in the file',
        '',
      ].join('\n'),
    );
  });

  test('says how many packets of a long flow it does not list', () => {
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    const inFile = { packets: 1234, bytes: 1, windows: 1, numbers };
    expect(formatExplanation({ ...RECORDED, inFile }, CONTEXT, 200)).toMatch(/ 19, 20 and 1,214 more\n$/);
  });

  test('has no more in a line than the terminal, and what goes on is indented', () => {
    for (const line of formatExplanation(RECORDED, CONTEXT, 50).split('\n'))
      expect(line.length).toBeLessThanOrEqual(50);
    expect(formatExplanation(RECORDED, CONTEXT, 50)).toContain(
      [
        '  record       3 packets, 1.5 kB in this flow and', //
        '               window, over 2.250000 s, flags SA',
      ].join('\n'),
    );
  });

  test('names no rules where none were asked', () => {
    expect(formatExplanation(RECORDED, { ...CONTEXT, ruleNames: [] }, 100)).toContain('  exclusion    no rules\n');
  });
});

describe('an explanation for programs', () => {
  test('has every member, whatever became of the packet', () => {
    expect(explanationObject(RECORDED, CONTEXT)).toEqual({
      schema: 1,
      file: 'x.pcap',
      packet: 7,
      time: '2023-11-14T22:13:20.250000Z',
      link_type: 1,
      captured_bytes: 74,
      wire_bytes: 74,
      steps: RECORDED.trace.steps,
      decision: 'record',
      refusal: null,
      key: {
        srcaddr: '10.0.0.1',
        dstaddr: '10.0.0.2',
        srcport: 51_000,
        dstport: 443,
        icmp_type: null,
        icmp_code: null,
        protocol: 6,
        tcp_flags: 2,
        bytes: 60,
      },
      exclusion: { rules: ['dhcp', 'kms'], matched: null },
      window: { start: 1_699_999_980, seconds: 60 },
      record: { packets: 3, bytes: 1500, tcp_flags: 18, first: 1_700_000_000.25, last: 1_700_000_002.5 },
      in_file: { packets: 4, bytes: 1560, windows: 2, numbers: [7, 8, 12, 2000] },
    });
    const members = Object.keys(explanationObject(RECORDED, CONTEXT));
    expect(Object.keys(explanationObject(EXCLUDED, CONTEXT))).toEqual(members);
    expect(Object.keys(explanationObject(REFUSED, CONTEXT))).toEqual(members);
  });

  test('has no record of an excluded packet, and neither key nor record of a refused one', () => {
    expect(explanationObject(EXCLUDED, CONTEXT)).toMatchObject({ record: null, exclusion: { matched: 'dhcp' } });
    expect(explanationObject(REFUSED, CONTEXT)).toMatchObject({
      key: null,
      record: null,
      refusal: { offset: 14, reason: 'truncated IPv4 header' },
    });
  });

  test('has type and code of ICMP, 0 among them', () => {
    const ending = { ...KEY, protocol: 1, sourcePort: 0, destinationPort: 0, icmpType: 0, icmpCode: 0 };
    const explanation = { ...RECORDED, trace: { steps: [], ending } };
    expect(explanationObject(explanation, CONTEXT)).toMatchObject({ key: { icmp_type: 0, icmp_code: 0 } });
  });
});

describe('a flow as a text', () => {
  const V6 = { family: 6, source: [0xfd000000, 0, 0, 1], destination: [0xfd000000, 0, 0, 2] } as const;
  test.each<[Partial<KeyFound>, string]>([
    [{}, '10.0.0.1:51000 > 10.0.0.2:443/tcp'],
    [V6, '[fd00::1]:51000 > [fd00::2]:443/tcp'],
    [{ protocol: 1, sourcePort: 0, destinationPort: 0 }, '10.0.0.1 > 10.0.0.2/icmp'],
    [{ ...V6, protocol: 58, sourcePort: 0, destinationPort: 0 }, 'fd00::1 > fd00::2/icmpv6'],
    [{ protocol: 253, sourcePort: 0, destinationPort: 0 }, '10.0.0.1 > 10.0.0.2/253'],
    [{ protocol: 17, sourcePort: 0 }, '10.0.0.1:0 > 10.0.0.2:443/udp'],
  ])('of %j is %s', (key, text) => expect(flowText({ ...KEY, ...key })).toBe(text));

  test('is a text that --flow takes, for any key', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    const port = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65_535 }));
    const protocol = fc.integer({ min: 0, max: 255 });
    const key = fc.constantFrom<4 | 6>(4, 6).chain((family) => {
      const address = fc.tuple(...Array.from({ length: family === 4 ? 1 : 4 }, () => word));
      return fc
        .record({ source: address, destination: address, sourcePort: port, destinationPort: port, protocol })
        .map((parts): KeyFound => ({ ...KEY, ...parts, family }));
    });
    fc.assert(
      fc.property(key, (found) => {
        const parsed = parseFlow(flowText(found))!;
        expect(parsed, flowText(found)).toMatchObject({
          sourcePort: found.sourcePort,
          destinationPort: found.destinationPort,
          protocol: found.protocol,
        });
        expect([...parsed.source.words].slice(0, found.source.length).map((each) => each >>> 0)).toEqual(found.source);
      }),
    );
  });
});

describe('the time of a packet', () => {
  test.each<[number, number, string]>([
    [0, 0, '1970-01-01T00:00:00Z'],
    [1_700_000_000, 1, '2023-11-14T22:13:20.000000001Z'],
    [1_700_000_000, 1000, '2023-11-14T22:13:20.000001Z'],
    [1_700_000_000, 999_999_999, '2023-11-14T22:13:20.999999999Z'],
    [-1, 0, '1969-12-31T23:59:59Z'],
    [253_402_300_799, 0, '9999-12-31T23:59:59Z'],
    [253_402_300_800, 0, '+010000-01-01T00:00:00Z'],
    [8_640_000_000_001, 0, 'second 8640000000001'],
    [8_640_000_000_001, 500_000_000, 'second 8640000000001.500000'],
  ])('%d s %d ns is %s', (seconds, nanoseconds, text) => expect(timeText(seconds, nanoseconds)).toBe(text));
});
