/**
 * Messages of the kernel's connection tracking as they come over netlink(7):
 *
 *   datagram    message, message ...                                            each padded to 4 bytes
 *   message     length u32 · type u16 · flags u16 · sequence u32 · port u32     struct nlmsghdr
 *               family u8 · version u8 · resource u16                           struct nfgenmsg
 *               attribute, attribute ...                                        each padded to 4 bytes
 *   attribute   length u16 · type u16 · value; the two upper bits of the type are flags
 *
 *   connection  TUPLE_ORIG { IP { SRC, DST } · PROTO { NUM, SRC_PORT, DST_PORT } } · TUPLE_REPLY { ... } · ZONE · TIMESTAMP
 *
 * Lengths and types are in the machine's order, values in network order. Source: linux/netlink.h and
 * linux/netfilter/nfnetlink_conntrack.h. Every length is held against what contains it before anything is read.
 */
import { type Connection, createConnection, hasPorts } from './connection.ts';
import { DESTINATION, PORTS, type Tuple } from './tuple.ts';

/** For socket(2): the protocol, and the groups that tell of connections that come and go. */
export const NETLINK_NETFILTER = 12;
export const NFNLGRP_CONNTRACK_NEW = 1;
export const NFNLGRP_CONNTRACK_DESTROY = 3;

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const HEADER_BYTES = 16;
const FAMILY_BYTES = 4;
const ATTRIBUTE_BYTES = 4;
const ATTRIBUTE_TYPE = 0x3fff;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x001;
const NLM_F_DUMP_INTR = 0x010;
const NLM_F_DUMP = 0x300;
/** Subsystem 1 (conntrack) in the upper byte, what it is about in the lower. */
const CT_NEW = 0x0100;
const CT_GET = 0x0101;
const CT_DELETE = 0x0102;
const AF_INET = 2;
const AF_INET6 = 10;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ZONE = 18;
const CTA_TIMESTAMP = 20;
const CTA_TIMESTAMP_START = 1;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;

/** What a tuple must say: both addresses and the protocol. */
const SOURCE_SEEN = 1;
const DESTINATION_SEEN = 2;
const PROTOCOL_SEEN = 4;
const TUPLE_SEEN = SOURCE_SEEN | DESTINATION_SEEN | PROTOCOL_SEEN;

/** Asks for all connections of both families: the answer is a row of datagrams that ends with `done`. */
export function dumpRequest(): Uint8Array {
  const request = new DataView(new ArrayBuffer(HEADER_BYTES + FAMILY_BYTES));
  request.setUint32(0, request.byteLength, LITTLE_ENDIAN);
  request.setUint16(4, CT_GET, LITTLE_ENDIAN);
  request.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, LITTLE_ENDIAN);
  return new Uint8Array(request.buffer);
}

/**
 * `alive` and `destroyed` are about `connection`. `done` ends a dump, `failed` refuses one. `other` is about something else, and
 * `malformed` is not what the header of the kernel describes.
 */
export type ConntrackMessage = 'alive' | 'destroyed' | 'done' | 'failed' | 'other' | 'malformed';

/** Reads the messages of one datagram after the other. */
export class ConntrackReader {
  readonly connection = createConnection();
  /** Why a dump `failed`: an errno. */
  errno = 0;
  /** The table changed under the dump that is `done`, so it may have missed some. */
  isInterrupted = false;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #end = 0;

  load(datagram: Uint8Array): void {
    this.#view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    this.#at = 0;
    this.#end = datagram.byteLength;
  }

  /** The next message, undefined at the end of the datagram. After a length that cannot be, the rest is not read. */
  next(): ConntrackMessage | undefined {
    const at = this.#at;
    const left = this.#end - at;
    if (left <= 0) return undefined;
    const length = left < HEADER_BYTES ? 0 : this.#view.getUint32(at, LITTLE_ENDIAN);
    if (length < HEADER_BYTES || length > left) {
      this.#at = this.#end;
      return 'malformed';
    }
    this.#at = at + padded(length);
    return this.#read(at, at + length);
  }

  #read(at: number, end: number): ConntrackMessage {
    const type = this.#view.getUint16(at + 4, LITTLE_ENDIAN);
    if (type === CT_NEW || type === CT_DELETE) {
      const answer = readConnection(this.#view, at + HEADER_BYTES, end, this.connection);
      if (answer !== 'read') return answer;
      return type === CT_NEW ? 'alive' : 'destroyed';
    }
    if (type !== NLMSG_DONE && type !== NLMSG_ERROR) return 'other';
    this.errno = end - at < HEADER_BYTES + 4 ? 0 : -this.#view.getInt32(at + HEADER_BYTES, LITTLE_ENDIAN);
    if (this.errno !== 0) return 'failed';
    this.isInterrupted = (this.#view.getUint16(at + 6, LITTLE_ENDIAN) & NLM_F_DUMP_INTR) !== 0;
    return type === NLMSG_DONE ? 'done' : 'other';
  }
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** One level of attributes, one after the other. */
class Attributes {
  readonly #view: DataView;
  readonly #end: number;
  #next: number;
  type = 0;
  /** Where the value of the present one begins and ends. */
  begin = 0;
  end = 0;

  constructor(view: DataView, begin: number, end: number) {
    this.#view = view;
    this.#next = begin;
    this.#end = end;
  }

  /** Answers false at the end; `isWhole` then says whether it was one. */
  next(): boolean {
    const at = this.#next;
    if (this.#end - at < ATTRIBUTE_BYTES) return false;
    const length = this.#view.getUint16(at, LITTLE_ENDIAN);
    if (length < ATTRIBUTE_BYTES || length > this.#end - at) return false;
    this.type = this.#view.getUint16(at + 2, LITTLE_ENDIAN) & ATTRIBUTE_TYPE;
    this.begin = at + ATTRIBUTE_BYTES;
    this.end = at + length;
    this.#next = at + padded(length);
    return true;
  }

  get isWhole(): boolean {
    return this.#next >= this.#end;
  }

  get bytes(): number {
    return this.end - this.begin;
  }
}

function readConnection(view: DataView, at: number, end: number, into: Connection): 'read' | 'other' | 'malformed' {
  if (end - at < FAMILY_BYTES) return 'malformed';
  const family = view.getUint8(at);
  if (family !== AF_INET && family !== AF_INET6) return 'other';
  into.family = family === AF_INET ? 4 : 6;
  into.zone = 0;
  into.startMs = 0;
  let original = 0;
  let reply = 0;
  const attributes = new Attributes(view, at + FAMILY_BYTES, end);
  while (attributes.next()) {
    const { type, begin } = attributes;
    if (type === CTA_TUPLE_ORIG) original = readTuple(view, begin, attributes.end, into, into.original);
    else if (type === CTA_TUPLE_REPLY) reply = readTuple(view, begin, attributes.end, into, into.reply);
    else if (type === CTA_ZONE && attributes.bytes === 2) into.zone = view.getUint16(begin);
    else if (type === CTA_TIMESTAMP) into.startMs = readStart(view, begin, attributes.end);
  }
  return attributes.isWhole && original === TUPLE_SEEN && reply === TUPLE_SEEN ? 'read' : 'malformed';
}

/** Answers what it saw; -1 for what cannot be. */
function readTuple(view: DataView, begin: number, end: number, connection: Connection, tuple: Tuple): number {
  tuple.fill(0);
  let seen = 0;
  const attributes = new Attributes(view, begin, end);
  while (attributes.next()) {
    const { type } = attributes;
    if (type === CTA_TUPLE_IP) seen |= readAddresses(view, attributes.begin, attributes.end, connection.family, tuple);
    else if (type === CTA_TUPLE_PROTO) seen |= readProtocol(view, attributes.begin, attributes.end, connection, tuple);
  }
  if (!hasPorts(connection.protocol)) tuple[PORTS] = 0;
  return attributes.isWhole ? seen : -1;
}

function readAddresses(view: DataView, begin: number, end: number, family: 4 | 6, tuple: Tuple): number {
  const sourceType = family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
  const destinationType = family === 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST;
  const words = family === 4 ? 1 : 4;
  let seen = 0;
  const attributes = new Attributes(view, begin, end);
  while (attributes.next()) {
    const { type } = attributes;
    if (type !== sourceType && type !== destinationType) continue;
    if (attributes.bytes !== words * 4) return -1;
    const first = type === sourceType ? 0 : DESTINATION;
    for (let word = 0; word < words; word++) tuple[first + word] = view.getInt32(attributes.begin + word * 4);
    seen |= type === sourceType ? SOURCE_SEEN : DESTINATION_SEEN;
  }
  return attributes.isWhole ? seen : -1;
}

function readProtocol(view: DataView, begin: number, end: number, connection: Connection, tuple: Tuple): number {
  let seen = 0;
  const attributes = new Attributes(view, begin, end);
  while (attributes.next()) {
    const { type, bytes } = attributes;
    if (type === CTA_PROTO_NUM && bytes === 1) {
      connection.protocol = view.getUint8(attributes.begin);
      seen = PROTOCOL_SEEN;
    } else if (type === CTA_PROTO_SRC_PORT && bytes === 2) tuple[PORTS]! |= view.getUint16(attributes.begin) << 16;
    else if (type === CTA_PROTO_DST_PORT && bytes === 2) tuple[PORTS]! |= view.getUint16(attributes.begin);
  }
  return attributes.isWhole ? seen : -1;
}

function readStart(view: DataView, begin: number, end: number): number {
  const attributes = new Attributes(view, begin, end);
  while (attributes.next()) {
    if (attributes.type !== CTA_TIMESTAMP_START || attributes.bytes !== 8) continue;
    // As a double, the nanoseconds of our days are rounded to some hundreds, which may be the next millisecond.
    return Number(view.getBigUint64(attributes.begin) / 1_000_000n);
  }
  return 0;
}
