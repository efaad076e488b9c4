/** Records of link type 239 as the kernel and libpcap make them (agent/packet/nflog.ts). */
import { concat } from './packet-builder.ts';

export interface NflogFields {
  readonly family?: number;
  readonly hook?: number;
  readonly etherType?: number;
  readonly indexIn?: number;
  readonly indexOut?: number;
  readonly physicalIn?: number;
  readonly physicalOut?: number;
  readonly prefix?: string | Uint8Array;
  /** When it arrived: Unix seconds with a fraction. */
  readonly seconds?: number;
  readonly sequence?: number;
  readonly linkHeader?: Uint8Array;
  /** Logged by a big-endian machine. */
  readonly bigEndian?: boolean;
}

export function nflogRecord(fields: NflogFields, payload: Uint8Array): Uint8Array {
  const version = payload[0]! >>> 4;
  const { family = version === 6 ? 10 : 2, etherType = version === 6 ? 0x86dd : 0x0800, hook = 1 } = fields;
  const { prefix = '', seconds, linkHeader, bigEndian = false } = fields;
  const put = (type: number, value: Uint8Array) => attribute(type, value, bigEndian);
  const word = (type: number, value: number | undefined) => (value === undefined ? [] : [put(type, u32(value))]);
  const text = typeof prefix === 'string' ? new TextEncoder().encode(prefix) : prefix;
  return concat(
    Uint8Array.of(family, 0, 0, 5),
    put(1, Uint8Array.of(etherType >>> 8, etherType & 255, hook, 0)),
    put(10, concat(text, Uint8Array.of(0))),
    ...word(4, fields.indexIn),
    ...word(5, fields.indexOut),
    ...word(6, fields.physicalIn),
    ...word(7, fields.physicalOut),
    ...(seconds === undefined ? [] : [put(3, timeOf(seconds))]),
    ...word(12, fields.sequence),
    ...(linkHeader === undefined ? [] : [put(21, linkHeader)]),
    put(9, payload),
  );
}

/** Padded to a multiple of four bytes, which its length does not count. */
export function attribute(type: number, value: Uint8Array, bigEndian = false): Uint8Array {
  const bytes = new Uint8Array((4 + value.length + 3) & ~3);
  new DataView(bytes.buffer).setUint16(0, 4 + value.length, !bigEndian);
  new DataView(bytes.buffer).setUint16(2, type, !bigEndian);
  bytes.set(value, 4);
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function timeOf(seconds: number): Uint8Array {
  const whole = Math.floor(seconds);
  return concat(u32(0), u32(whole), u32(0), u32(Math.round((seconds - whole) * 1_000_000)));
}
