/** Messages of connection tracking as the kernel writes them, for a reader that must believe nothing else. */
import { endianness } from 'node:os';
import { parseNetwork } from '../../agent/packet/address.ts';

/** One end and the other of the packets of one direction. */
export interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

export interface TrackedConnection {
  readonly protocol: number;
  readonly original: Ends;
  readonly reply: Ends;
  readonly zone?: number;
  readonly startNanoseconds?: bigint;
}

export const TYPE = { noop: 1, error: 2, done: 3, new: 0x0100, destroy: 0x0102 } as const;
export const DUMP_INTERRUPTED = 0x10;
const NESTED = 0x8000;
const ICMP = 1;
const ICMPV6 = 58;

const isLittle = endianness() === 'LE';

function host16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  isLittle ? buffer.writeUInt16LE(value) : buffer.writeUInt16BE(value);
  return buffer;
}

function host32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  isLittle ? buffer.writeInt32LE(value | 0) : buffer.writeInt32BE(value | 0);
  return buffer;
}

const net16 = (value: number) => Buffer.of(value >>> 8, value & 0xff);

export function attribute(type: number, ...values: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(values);
  const padding = Buffer.alloc(-value.length & 3);
  return Buffer.concat([host16(value.length + 4), host16(type), value, padding]);
}

const nested = (type: number, ...values: readonly Uint8Array[]) => attribute(NESTED | type, ...values);

function addressBytes(text: string): Buffer {
  const words = [...parseNetwork(text)!.words];
  return Buffer.concat(words.map((word) => Buffer.of(word >>> 24, word >>> 16, word >>> 8, word)));
}

/** What else the kernel says of ICMP and of ports, in the places where it says it. */
function protocolAttributes(protocol: number, { sourcePort = 0, destinationPort = 0 }: Ends): Buffer[] {
  const number = attribute(1, Buffer.of(protocol));
  if (protocol === ICMP)
    return [number, attribute(4, net16(7)), attribute(5, Buffer.of(8)), attribute(6, Buffer.of(0))];
  if (protocol === ICMPV6) return [number, attribute(7, net16(7)), attribute(8, Buffer.of(128))];
  return [number, attribute(2, net16(sourcePort)), attribute(3, net16(destinationPort))];
}

function tupleAttribute(type: number, protocol: number, ends: Ends): Buffer {
  const isIpv6 = ends.source.includes(':');
  const [source, destination] = [addressBytes(ends.source), addressBytes(ends.destination)];
  const addresses = nested(1, attribute(isIpv6 ? 3 : 1, source), attribute(isIpv6 ? 4 : 2, destination));
  return nested(type, addresses, nested(2, ...protocolAttributes(protocol, ends)));
}

export function message(type: number, payload: Uint8Array, flags = 0): Buffer {
  const header = [host32(payload.length + 16), host16(type), host16(flags), host32(0), host32(0)];
  return Buffer.concat([...header, payload, Buffer.alloc(-payload.length & 3)]);
}

/** @param type `TYPE.new` or `TYPE.destroy` */
export function connectionMessage(type: number, connection: TrackedConnection): Buffer {
  const { protocol, original, reply, zone, startNanoseconds } = connection;
  const start = Buffer.alloc(8);
  start.writeBigUInt64BE(startNanoseconds ?? 0n);
  const payload = Buffer.concat([
    Buffer.of(original.source.includes(':') ? 10 : 2, 0, 0, 0),
    tupleAttribute(1, protocol, original),
    tupleAttribute(2, protocol, reply),
    attribute(3, Buffer.alloc(4)),
    nested(4, nested(1, attribute(1, Buffer.of(3)))),
    attribute(12, Buffer.of(1, 2, 3, 4)),
    ...(zone === undefined ? [] : [attribute(18, net16(zone))]),
    ...(startNanoseconds === undefined ? [] : [nested(20, attribute(1, start))]),
  ]);
  return message(type, payload);
}

export const doneMessage = (flags = 0) => message(TYPE.done, host32(0), flags);
export const errorMessage = (errno: number) => message(TYPE.error, host32(-errno));
