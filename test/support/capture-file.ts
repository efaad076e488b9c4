/**
 * Writes capture files for tests: classic pcap in every byte order and resolution, pcapng with several interfaces, block
 * kinds and options. Formats: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html and its pcapng sibling.
 */
import { concat, LINK_TYPE } from './packet-builder.ts';

export interface CapturedPacket {
  readonly bytes: Uint8Array;
  readonly seconds?: number;
  readonly nanoseconds?: number;
  /** Length on the wire, where it was longer than what was captured. */
  readonly wireLength?: number;
  /** Of a pcapng; 0 when absent. */
  readonly interfaceIndex?: number;
  /** As a pcapng Simple Packet Block, which has no time, or as the Packet Block of old; an Enhanced one when absent. */
  readonly block?: 'simple' | 'obsolete';
  /** What stands in a pcapng, instead of seconds and nanoseconds. */
  readonly timestamp?: bigint;
}

type Field = readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint];

/** Lays integers out one after the other in one byte order. */
function fields(bigEndian: boolean, ...list: readonly Field[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(list.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of list) {
    if (bytes === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), !bigEndian);
    else if (bytes === 4) view.setUint32(at, Number(value), !bigEndian);
    else if (bytes === 2) view.setUint16(at, Number(value), !bigEndian);
    else view.setUint8(at, Number(value));
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

export const PCAP_MAGIC = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d, modified: 0xa1b2cd34 } as const;

export interface PcapOptions {
  readonly magic?: number;
  readonly bigEndian?: boolean;
  readonly linkType?: number;
  readonly snapshot?: number;
  readonly version?: readonly [major: number, minor: number];
}

/** A classic pcap header: 24 bytes. */
export function pcapHeader(options: PcapOptions = {}): Uint8Array {
  const {
    magic = PCAP_MAGIC.microseconds,
    bigEndian = false,
    linkType = LINK_TYPE.ethernet,
    snapshot = 262_144,
  } = options;
  const [major, minor] = options.version ?? [2, 4];
  return fields(bigEndian, [4, magic], [2, major], [2, minor], [4, 0], [4, 0], [4, snapshot], [4, linkType]);
}

/** One record of a classic pcap; the fraction is written in the file's unit. */
export function pcapRecord(packet: CapturedPacket, options: PcapOptions = {}): Uint8Array {
  const { magic = PCAP_MAGIC.microseconds, bigEndian = false } = options;
  const nanoseconds = packet.nanoseconds ?? 0;
  const fraction = magic === PCAP_MAGIC.nanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000);
  const header = fields(
    bigEndian,
    [4, packet.seconds ?? 0],
    [4, fraction],
    [4, packet.bytes.length],
    [4, packet.wireLength ?? packet.bytes.length],
  );
  const trailer = magic === PCAP_MAGIC.modified ? new Uint8Array(8) : new Uint8Array(0);
  return concat(header, trailer, packet.bytes);
}

export function pcapFile(packets: readonly CapturedPacket[], options: PcapOptions = {}): Uint8Array {
  return concat(pcapHeader(options), ...packets.map((packet) => pcapRecord(packet, options)));
}

export interface PcapngInterface {
  readonly linkType?: number;
  readonly snapshot?: number;
  /** if_tsresol: units are 10 to the minus this, or 2 to the minus its lower seven bits when its upper is set; 6 when absent. */
  readonly resolution?: number;
  /** if_tsoffset, seconds added to every time. */
  readonly offsetSeconds?: bigint;
}

export interface PcapngOptions {
  readonly bigEndian?: boolean;
  readonly version?: readonly [major: number, minor: number];
  readonly interfaces?: readonly PcapngInterface[];
}

/** Timestamp units in one second, of an interface's if_tsresol. */
export function unitsPerSecond(resolution = 6): bigint {
  return (resolution >= 128 ? 2n : 10n) ** BigInt(resolution % 128);
}

function padded(bytes: Uint8Array): Uint8Array {
  return concat(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));
}

/** One pcapng block around a body of whole words. */
export function pcapngBlock(bigEndian: boolean, type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  const length = body.length + 12;
  return concat(fields(bigEndian, [4, type], [4, length]), body, fields(bigEndian, [4, length]));
}

function option(bigEndian: boolean, code: number, value: Uint8Array): Uint8Array {
  return concat(fields(bigEndian, [2, code], [2, value.length]), padded(value));
}

function sectionHeader(bigEndian: boolean, [major, minor]: readonly [number, number]): Uint8Array {
  return pcapngBlock(bigEndian, 0x0a0d0d0a, fields(bigEndian, [4, 0x1a2b3c4d], [2, major], [2, minor], [8, -1n]));
}

function interfaceDescription(bigEndian: boolean, each: PcapngInterface): Uint8Array {
  const options: Uint8Array[] = [];
  if (each.resolution !== undefined) options.push(option(bigEndian, 9, Uint8Array.of(each.resolution)));
  if (each.offsetSeconds !== undefined) options.push(option(bigEndian, 14, fields(bigEndian, [8, each.offsetSeconds])));
  if (options.length > 0) options.push(option(bigEndian, 0, new Uint8Array(0)));
  const head = fields(bigEndian, [2, each.linkType ?? LINK_TYPE.ethernet], [2, 0], [4, each.snapshot ?? 0]);
  return pcapngBlock(bigEndian, 1, head, ...options);
}

function packetBlock(bigEndian: boolean, packet: CapturedPacket, interfaces: readonly PcapngInterface[]): Uint8Array {
  const captured = packet.bytes.length;
  const wire = packet.wireLength ?? captured;
  if (packet.block === 'simple') return pcapngBlock(bigEndian, 3, fields(bigEndian, [4, wire]), padded(packet.bytes));
  const index = packet.interfaceIndex ?? 0;
  const time = packet.timestamp ?? timestamp(packet, interfaces[index]!);
  const units = BigInt.asUintN(64, time);
  const lengths = fields(bigEndian, [4, units >> 32n], [4, units & 0xffffffffn], [4, captured], [4, wire]);
  return packet.block === 'obsolete'
    ? pcapngBlock(bigEndian, 2, fields(bigEndian, [2, index], [2, 0xffff]), lengths, padded(packet.bytes))
    : pcapngBlock(bigEndian, 6, fields(bigEndian, [4, index]), lengths, padded(packet.bytes));
}

function timestamp(packet: CapturedPacket, each: PcapngInterface): bigint {
  const seconds = BigInt(packet.seconds ?? 0) - (each.offsetSeconds ?? 0n);
  return (
    ((seconds * 1_000_000_000n + BigInt(packet.nanoseconds ?? 0)) * unitsPerSecond(each.resolution)) / 1_000_000_000n
  );
}

/** One section; several of them, one after the other, are a file too. */
export function pcapngFile(packets: readonly CapturedPacket[], options: PcapngOptions = {}): Uint8Array {
  const { bigEndian = false, version = [1, 0], interfaces = [{}] } = options;
  return concat(
    sectionHeader(bigEndian, version),
    ...interfaces.map((each) => interfaceDescription(bigEndian, each)),
    ...packets.map((packet) => packetBlock(bigEndian, packet, interfaces)),
  );
}
