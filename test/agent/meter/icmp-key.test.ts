/** Type and code of ICMP as part of the flow key, where the records of a flow log show them; elsewhere nothing changes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Meter } from '../../../agent/meter/meter.ts';
import { NflogReader } from '../../../agent/meter/nflog-reader.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { keysIcmp } from '../../../agent/model/flow-log.ts';
import type { FlowRecord } from '../../../agent/model/flow-record.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { decoderFor } from '../../../agent/packet/link-type.ts';
import { RECORD_FIELDS } from '../../../agent/record/catalogue.ts';
import { FakeEngine } from '../../support/fake-engine.ts';
import { type ClosedCopy, copyOf, meterOptions } from '../../support/metering.ts';
import { nflogRecord } from '../../support/nflog-record.ts';
import { batchOf } from '../../support/packet-batch.ts';
import {
  concat,
  ethernet,
  extensionHeader,
  fragmentHeader,
  icmp,
  ipv4,
  ipv6,
  PROTOCOL,
  udp,
} from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, recordsOf } from '../../support/persisted-windows.ts';
import { decodeReference } from '../../support/reference-decoder.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const WINDOW = 60;
const v4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const v6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const over4 = (message: Uint8Array, more = {}) => ipv4({ ...v4, protocol: PROTOCOL.icmp, ...more }, message);
const over6 = (message: Uint8Array) => ipv6({ ...v6, nextHeader: PROTOCOL.icmpv6 }, message);

const octet = fc.constantFrom(0, 1, 3, 8, 128, 129, 255);
const message = fc.tuple(octet, octet).map(([type, code]) => icmp(type, code));
const packet = fc.oneof(
  message.map((bytes) => over4(bytes)),
  message.map(over6),
  message.map((bytes) => over4(bytes, { moreFragments: true })),
  message.map((bytes) => over4(bytes, { fragmentOffset: 8 })),
  message.map((bytes) =>
    ipv6({ ...v6, nextHeader: PROTOCOL.fragment }, fragmentHeader(PROTOCOL.icmpv6, 0, true, bytes)),
  ),
  message.map((bytes) =>
    ipv6({ ...v6, nextHeader: PROTOCOL.fragment }, fragmentHeader(PROTOCOL.icmpv6, 8, true, bytes)),
  ),
  message.map((bytes) => ipv6({ ...v6, nextHeader: PROTOCOL.hopByHop }, extensionHeader(PROTOCOL.icmpv6, 8, bytes))),
  fc.nat(7).map((bytes) => over4(new Uint8Array(bytes))),
  fc
    .tuple(fc.constantFrom(1, 53, 0x0308), fc.constantFrom(1, 0x0800))
    .map(([sourcePort, destinationPort]) =>
      ipv4({ ...v4, protocol: PROTOCOL.udp }, udp({ sourcePort, destinationPort })),
    ),
);
/** Whole, or cut by the length of the capture somewhere behind the Ethernet header. */
const frame = fc
  .tuple(packet, fc.oneof(fc.constant(200), fc.integer({ min: 34, max: 80 })))
  .map(([bytes, snapBytes]) => ({ whole: ethernet({}, bytes), snapBytes }))
  .map(({ whole, snapBytes }) => ({ bytes: whole.subarray(0, snapBytes), wireLength: whole.length }));

interface Captured {
  readonly bytes: Uint8Array;
  readonly wireLength: number;
}

function metered(frames: readonly Captured[], isKeyed: boolean): ClosedCopy {
  const closed: ClosedCopy[] = [];
  const meter = new Meter({
    ...meterOptions(),
    keysIcmp: isKeyed,
    windowSeconds: WINDOW,
    onClosed: (window) => closed.push(copyOf(window)),
  });
  meter.add(batchOf(frames.map((each) => ({ ...each, seconds: 0 }))), decoderFor(1)!);
  meter.closeAll();
  return closed[0]!;
}

/** Packets by what tells one record from another here, the plain way. */
function expectedOf(frames: readonly Captured[], isKeyed: boolean): Map<string, number> {
  const flows = new Map<string, number>();
  for (const { bytes, wireLength } of frames) {
    const decoded = decodeReference({ bytes, capturedLength: bytes.length, wireLength, linkType: 1 });
    if ('refusal' in decoded) continue;
    const { family, protocol, sourcePort, destinationPort } = decoded;
    const { type, code } = (isKeyed ? decoded.icmp : undefined) ?? { type: -1, code: -1 };
    const key = [family, protocol, sourcePort, destinationPort, type, code].join(' ');
    flows.set(key, (flows.get(key) ?? 0) + 1);
  }
  return flows;
}

function keyOf({ family, protocol, sourcePort, destinationPort, icmpType, icmpCode }: FlowRecord): string {
  return [family, protocol, sourcePort, destinationPort, icmpType, icmpCode].join(' ');
}

describe('a meter', () => {
  test.each([
    ['with type and code in its key has one record for each pair, and one for what has none', true],
    ['without them has one record for all ICMP between two addresses', false],
  ])('%s', (_, isKeyed) => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 300, size: 'max' }), (frames) => {
        const { records, ledger } = metered(frames, isKeyed);
        expect(new Map(records.map((record) => [keyOf(record), record.packets]))).toEqual(expectedOf(frames, isKeyed));
        expect(ledger.metered).toEqual(metered(frames, !isKeyed).ledger.metered);
      }),
      { numRuns: 200 },
    );
  });

  test('excludes the same packets with them: neither is a port', () => {
    const ports = [[1, 1] as const, [0x0308, 0x0308] as const];
    const rules = [{ name: 'low', protocol: undefined, networks: [], ports }];
    const exclusion = new Exclusion({ ...EXCLUDE_DEFAULTS, rules });
    const closed: ClosedCopy[] = [];
    const options = { ...meterOptions(), exclusion, keysIcmp: true, windowSeconds: WINDOW };
    const meter = new Meter({ ...options, onClosed: (window) => closed.push(copyOf(window)) });
    meter.add(batchOf([{ seconds: 0, bytes: ethernet({}, over4(icmp(3, 8))) }]), decoderFor(1)!);
    meter.closeAll();
    expect(closed[0]!.ledger.excluded['low']).toEqual({ packets: 0, bytes: 0 });
    expect(closed[0]!.records).toMatchObject([{ icmpType: 3, icmpCode: 8, packets: 1 }]);
  });
});

test('naming either field makes both part of the key, and no other field does', () => {
  const keying = RECORD_FIELDS.map(({ name }) => name).filter((name) => keysIcmp({ fields: [name] }));
  expect(keying).toEqual(['icmp-type', 'icmp-code']);
  expect(keysIcmp({ fields: [] })).toBe(false);
});

describe('a tap whose records show them', () => {
  const INDEX = 7;
  const ECHO = over4(icmp(8, 0));
  const UNREACHABLE = over4(concat(icmp(3, 3), ipv4({ ...v4, protocol: PROTOCOL.udp })));
  const ECHO_REPLY = over4(icmp(0, 0));

  test('takes what the packet filter rejected from the record of its type, also after a kill', async () => {
    const folder = temporaryFolder();
    const engine = new FakeEngine();
    engine.interfaceIndex = INDEX;
    const { ruleNames } = new Exclusion(EXCLUDE_DEFAULTS);
    const tap = new TappedInterface({
      engine,
      journal: journalIn({ folder, ruleNames }),
      clock: { seconds: 600 },
      fields: ['srcaddr', 'icmp-type', 'icmp-code'],
    });
    const filter = new FakeEngine();
    const log = new NflogReader({ engine: filter, group: 5, snapBytes: 128, now: () => tap.clock.seconds * 1000 });
    log.attach();
    tap.tap.attach();
    log.addTap(tap.tap);
    const seen = [ECHO, ECHO, UNREACHABLE, ECHO_REPLY, over6(icmp(128, 0))];
    engine.newest.waiting.push(...seen.map((bytes) => ({ seconds: 601, bytes: ethernet({}, bytes) })));
    filter.newest.waiting.push({
      seconds: 601,
      bytes: nflogRecord({ prefix: 'deny ', sequence: 0, indexIn: INDEX }, ECHO),
    });
    await log.drain(tap.batch);
    await tap.round(602);
    const [window, ...others] = findLeftWindows(folder).windows;
    expect(others).toEqual([]);
    const lines = recordsOf(window!).map(
      ({ family, icmpType, icmpCode, packets, isAnnotated, annotations }) =>
        `IPv${family} ${icmpType}/${icmpCode} ${(isAnnotated ? annotations : createAnnotations()).action} ${packets}`,
    );
    expect(lines.sort()).toEqual([
      'IPv4 0/0 ACCEPT 1',
      'IPv4 3/3 ACCEPT 1',
      'IPv4 8/0 ACCEPT 1',
      'IPv4 8/0 REJECT 1',
      'IPv6 128/0 ACCEPT 1',
    ]);
    expect(window!.ledger).toMatchObject({
      metered: { packets: 5 },
      rejected: { packets: 1 },
      rejectsUnmatched: { packets: 0 },
    });
  });
});
