/** Makes the kept seeds, one small input for each thing that a reader knows: `UPDATE_SEEDS=1 npx vitest run test/fuzz`. */
import fc from 'fast-check';
import { createAnnotations } from '../../agent/model/annotations.ts';
import { ROW_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createLedger } from '../../agent/model/ledger.ts';
import { spoolFile } from '../../agent/spool/spool-file.ts';
import { encodeBatches } from '../../agent/wire/flow-batch.ts';
import { PCAP_MAGIC, pcapFile, pcapngFile } from '../support/capture-file.ts';
import { connectionMessage, DUMP_INTERRUPTED, doneMessage, errorMessage, TYPE } from '../support/ctnetlink.ts';
import { cursorOver, flowRecord, ledger } from '../support/flow-records.ts';
import { nflogRecord } from '../support/nflog-record.ts';
import {
  arp,
  concat,
  ETHER_TYPE,
  ethernet,
  extensionHeader,
  fragmentHeader,
  icmpEcho,
  ipv4,
  ipv6,
  LINK_TYPE,
  linuxSll,
  linuxSll2,
  PROTOCOL,
  tcp,
  udp,
} from '../support/packet-builder.ts';
import { REFERENCE_LINK_TYPES } from '../support/reference-decoder.ts';
import { version1SpoolFile } from '../support/version-1-spool-file.ts';

/** Inputs by name. */
export type Seeds = Readonly<Record<string, Uint8Array>>;

const v4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const v6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const PORTS = { sourcePort: 40_000, destinationPort: 443 };
const TCP_SEGMENT = tcp(PORTS, Uint8Array.of(1, 2, 3));
const DATAGRAM = udp({ sourcePort: 68, destinationPort: 67 }, new Uint8Array(4));
const IPV4_TCP = ipv4({ ...v4, protocol: PROTOCOL.tcp }, TCP_SEGMENT);
const IPV6_UDP = ipv6({ ...v6, nextHeader: PROTOCOL.udp }, DATAGRAM);
const CHAIN = ipv6(
  { ...v6, nextHeader: PROTOCOL.hopByHop },
  extensionHeader(
    PROTOCOL.routing,
    8,
    extensionHeader(
      PROTOCOL.destinationOptions,
      16,
      extensionHeader(PROTOCOL.fragment, 8, fragmentHeader(PROTOCOL.tcp, 0, true, TCP_SEGMENT)),
    ),
  ),
);
/** A hop-by-hop header whose one option is the jumbo payload's (RFC 2675). */
const JUMBO = ipv6(
  { ...v6, nextHeader: PROTOCOL.hopByHop, payloadLength: 0 },
  concat(Uint8Array.of(PROTOCOL.udp, 0, 0xc2, 4, 0, 1, 0x86, 0xa0), DATAGRAM),
);
/** Two MPLS labels, the second at the bottom of the stack. */
const MPLS = concat(Uint8Array.of(0, 1, 0x40, 64, 0, 1, 0x51, 64), IPV4_TCP);
const PPPOE = concat(Uint8Array.of(0x11, 0, 0, 1, 0, IPV4_TCP.length + 2, 0, 0x21), IPV4_TCP);
const PPPOE_COMPRESSED = concat(PPPOE.subarray(0, 6), Uint8Array.of(0x21), IPV4_TCP);
/** Tags that a kernel leaves in front of the packet and that pass for the begin of its header. */
const LIKE_IPV4 = Uint8Array.of(0x45, 8, 0x81, 0, 0x45, 8, 8, 0);
const LIKE_IPV6 = Uint8Array.of(0x60, 8, 0x86, 0xdd);
const SNAP = concat(Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0, 8, 0), IPV4_TCP);
const VLANS = [{ id: 1, tagProtocol: ETHER_TYPE.qinq }, { id: 2 }];

const ETHERNET_FRAMES: Seeds = {
  'ipv4-tcp': ethernet({}, IPV4_TCP),
  'ipv4-options': ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.udp, options: new Uint8Array(40).fill(1) }, DATAGRAM)),
  'ipv4-first-fragment': ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.udp, moreFragments: true }, DATAGRAM)),
  'ipv4-later-fragment': ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.udp, fragmentOffset: 1480 }, DATAGRAM)),
  'ipv4-icmp': ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.icmp }, icmpEcho(8))),
  'ipv4-no-length': ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.tcp, totalLength: 0 }, TCP_SEGMENT)),
  'ipv6-udp': ethernet({}, IPV6_UDP),
  'ipv6-icmp': ethernet({}, ipv6({ ...v6, nextHeader: PROTOCOL.icmpv6 }, icmpEcho(128))),
  'ipv6-chain': ethernet({}, CHAIN),
  'ipv6-jumbo': ethernet({}, JUMBO),
  arp: arp(),
  vlans: ethernet({ vlans: VLANS }, IPV6_UDP),
  mpls: ethernet({ etherType: 0x8847 }, MPLS),
  pppoe: ethernet({ etherType: 0x8864 }, PPPOE),
  snap: ethernet({ etherType: SNAP.length }, SNAP),
};
const OTHER_FRAMES: readonly (readonly [name: string, linkType: number, frame: Uint8Array])[] = [
  ['null', LINK_TYPE.null, concat(Uint8Array.of(2, 0, 0, 0), IPV4_TCP)],
  ['loop', 108, concat(Uint8Array.of(0, 0, 0, 24), IPV6_UDP)],
  ['raw', LINK_TYPE.raw, IPV4_TCP],
  ['raw-ipv6', LINK_TYPE.raw, CHAIN],
  ['linux-sll', LINK_TYPE.linuxSll, linuxSll(ETHER_TYPE.ipv4, IPV4_TCP)],
  ['linux-sll2', LINK_TYPE.linuxSll2, linuxSll2(ETHER_TYPE.ipv6, IPV6_UDP)],
  ['inner-tags', LINK_TYPE.linuxSll2, linuxSll2(ETHER_TYPE.ipv4, concat(LIKE_IPV4, IPV4_TCP))],
  ['inner-tags-ipv6', LINK_TYPE.linuxSll, linuxSll(ETHER_TYPE.ipv6, concat(LIKE_IPV6, IPV6_UDP))],
  ['pppoe-compressed', LINK_TYPE.ethernet, ethernet({ etherType: 0x8864 }, PPPOE_COMPRESSED)],
  ['ipv4', LINK_TYPE.ipv4, IPV4_TCP],
  ['ipv6', LINK_TYPE.ipv6, IPV6_UDP],
];

/** As targets.ts reads it: link type, two bytes by which the frame was longer, the bytes. */
function frameInput(linkType: number, frame: Uint8Array): Uint8Array {
  return concat(Uint8Array.of((REFERENCE_LINK_TYPES as readonly number[]).indexOf(linkType), 0, 0), frame);
}

function frames(): Seeds {
  const ethernetFrames = Object.entries(ETHERNET_FRAMES).map(([name, frame]) => [name, frameInput(1, frame)]);
  const others = OTHER_FRAMES.map(([name, linkType, frame]) => [name, frameInput(linkType, frame)]);
  return Object.fromEntries([...ethernetFrames, ...others]);
}

function logged(): Seeds {
  const linkHeader = ethernet({}, new Uint8Array(0)).subarray(0, 14);
  const came = { indexIn: 2, physicalIn: 3, prefix: 'deny ', seconds: 1_700_000_000.5, sequence: 7 };
  return {
    'ipv4-in': nflogRecord(came, IPV4_TCP),
    'ipv6-out': nflogRecord({ indexOut: 2, prefix: 'deny-out' }, IPV6_UDP),
    'ipv4-cut': nflogRecord(came, IPV4_TCP.subarray(0, 24)),
    'netdev-in': nflogRecord({ ...came, family: 5, hook: 0, linkHeader }, CHAIN),
    'netdev-out': nflogRecord({ indexOut: 2, family: 5, hook: 1, linkHeader }, ethernet({ vlans: VLANS }, IPV4_TCP)),
    arp: nflogRecord({ family: 3, etherType: 0x0806 }, arp().subarray(14)),
  };
}

function savefiles(): Seeds {
  const packets = Object.values(ETHERNET_FRAMES).map((bytes, i) => ({ bytes, seconds: 1_700_000_000 + i }));
  const several = [{ linkType: LINK_TYPE.ethernet }, { linkType: LINK_TYPE.raw, resolution: 9, offsetSeconds: 60n }];
  return {
    pcap: pcapFile(packets),
    'pcap-nanoseconds': pcapFile(packets.slice(0, 3), { magic: PCAP_MAGIC.nanoseconds, bigEndian: true }),
    'pcap-modified': pcapFile(packets.slice(0, 3), { magic: PCAP_MAGIC.modified }),
    'pcap-sll': pcapFile([{ bytes: linuxSll(ETHER_TYPE.ipv4, IPV4_TCP) }], { linkType: LINK_TYPE.linuxSll }),
    pcapng: pcapngFile(packets),
    'pcapng-interfaces': pcapngFile(
      [
        { bytes: packets[0]!.bytes },
        { bytes: IPV4_TCP, interfaceIndex: 1 },
        { bytes: packets[1]!.bytes, block: 'simple' },
      ],
      { interfaces: several },
    ),
    'pcapng-obsolete': pcapngFile([{ bytes: packets[2]!.bytes, block: 'obsolete' }], { bigEndian: true }),
    'pcapng-fine-clock': pcapngFile([{ bytes: packets[0]!.bytes, seconds: 1 }], { interfaces: [{ resolution: 0x9e }] }),
    'pcapng-sections': concat(pcapngFile(packets.slice(0, 2)), pcapngFile(packets.slice(2, 4), { bigEndian: true })),
  };
}

const HEADER = {
  hostId: 'host',
  runId: 'run',
  flowLogId: 'fl-1',
  interfaceId: 'eni-1',
  accountId: '100',
  windowStart: 1_700_000_040,
  windowSeconds: 60,
  ...ROW_DEFAULTS,
};

function batches(): Seeds {
  const kept: Record<string, Uint8Array> = {};
  const records = fc.sample(flowRecord, { numRuns: 4, seed: 1 });
  const plain = records.map((record) => ({ ...record, isAnnotated: false, annotations: createAnnotations() }));
  const [full] = fc.sample(ledger, { numRuns: 1, seed: 7 });
  const keep = (name: string) => (bytes: Uint8Array) => {
    kept[name] = bytes.slice();
  };
  encodeBatches({ header: HEADER, cursor: cursorOver(plain), ledger: createLedger(['dhcp']) }, keep('records'));
  encodeBatches({ header: HEADER, cursor: cursorOver(records), ledger: full! }, keep('annotated'));
  const constants = { region: 'here' };
  const nat = { ...HEADER, resourceType: 'NAT' as const, fields: ['srcaddr', 'region'], constants };
  encodeBatches({ header: nat, cursor: cursorOver([]), ledger: createLedger([]) }, keep('empty'));
  return kept;
}

function spoolFiles(): Seeds {
  const files = Object.entries(batches()).map(([name, payload]) => [name, concat(...spoolFile(payload))]);
  return { ...Object.fromEntries(files), 'version-1': version1SpoolFile(batches()['empty']!) };
}

/** Every kind of option, and what YAML has beside plain values. */
function configurations(): Seeds {
  const texts = {
    plain:
      'stateDirectory: /state\nhostId: host\nflowLogs:\n  - name: web\n    interfaces: [eth0, "eth1"]\n    windowSeconds: 5m\n' +
      'exclude:\n  rules: [{name: dns, destinationPort: 53, protocol: udp}]\nspool: {bytesMax: 1GiB}\n' +
      'cls:\n  endpoint: https://cls.example.net\n  topicId: topic\n  secretIdFile: id\n  secretKeyFile: key\n',
    aliases: 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nflowLogs: *b\n',
    tags: 'flowLogs: !!set {? a}\ncls: !!binary aGk=\nspool: !!js/function x\n',
    merge: 'x: &x {bytesMax: 1GiB}\nspool: {<<: *x}\n',
    nested: `flowLogs: ${'['.repeat(200)}${']'.repeat(200)}\n`,
    documents: 'spool: {bytesMax: 1GiB}\n---\nspool: {}\n...\n',
    prototype: '__proto__: {secretKey: x}\nconstructor: 1\nflowLogs: [{name: __proto__, fields: [__proto__]}]\n',
    block: 'stateDirectory: |+\n  a\n  b\n? [complex]\n: key\nlog: >-\n  folded\n',
  };
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
}

function answers(): Seeds {
  const texts = {
    accepted: '200\n',
    'accepted-json': '200\n{"requestId":"1"}',
    portal: '200\n<html>Sign in</html>',
    refused: '403\n{"errorcode":"SignatureExpire","errormessage":"The signature is expired"}',
    'retry-seconds': '429 30\n{"errorcode":"SpeedQuotaExceed","errormessage":"write qps limit"}',
    'retry-date': '503 Wed, 15 Nov 2023 00:00:00 GMT\n',
    'odd-json': '500\n{"errorcode":{"__proto__":[]},"errormessage":["\\u001b[31m\\n"]}',
    terminal: '400\n{"errorcode":"InvalidContent","errormessage":"\\u001b]0;x\\u0007\\r\\n\\u009b2J"}',
  };
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
}

function connections(): Seeds {
  const ends = { ...v4, ...PORTS };
  const reply = { source: v4.destination, destination: '203.0.113.1', sourcePort: 443, destinationPort: 1024 };
  const web = { protocol: PROTOCOL.tcp, original: ends, reply, zone: 7, startNanoseconds: 1_700_000_000_000_000_000n };
  const ping = { protocol: PROTOCOL.icmpv6, original: v6, reply: { source: v6.destination, destination: v6.source } };
  const [begun, ended] = [connectionMessage(TYPE.new, web), connectionMessage(TYPE.destroy, web)];
  return {
    begun,
    ended,
    ping: connectionMessage(TYPE.new, ping),
    list: concat(begun, connectionMessage(TYPE.new, ping), doneMessage()),
    interrupted: concat(begun, ended, doneMessage(DUMP_INTERRUPTED)),
    refused: errorMessage(1),
  };
}

/** By the name of their target. */
export function buildSeeds(): Readonly<Record<string, Seeds>> {
  return {
    frame: frames(),
    nflog: logged(),
    savefile: savefiles(),
    'flow-batch': batches(),
    'spool-file': spoolFiles(),
    configuration: configurations(),
    answer: answers(),
    conntrack: connections(),
  };
}
