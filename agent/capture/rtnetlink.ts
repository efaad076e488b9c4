/**
 * The messages of rtnetlink(7) about network interfaces. All numbers are in the machine's byte order, which is little endian on
 * every platform flowlogd runs on; messages and attributes stand on multiples of 4 bytes.
 *
 *     nlmsghdr   0 length u32   4 type u16   6 flags u16   8 sequence u32   12 port u32
 *     ifinfomsg  16 family u8   18 type u16   20 index i32   24 flags u32   28 change u32
 *     rtattr     0 length u16   2 type u16   4 value ...                          from 32 on
 */

export const NETLINK_ROUTE = 0;
/** The group that is sent each interface that comes, changes or goes. */
export const RTNLGRP_LINK = 1;

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const IFLA_IFNAME = 3;
const IFLA_STATS64 = 23;
const IFF_UP = 0x1;
/** Of a bridge's port there are messages of another family, which say nothing of the interface itself. */
const AF_UNSPEC = 0;

const HEADER_BYTES = 16;
const ATTRIBUTES_AT = 32;
const ATTRIBUTE_HEADER_BYTES = 4;
const NAME_BYTES_MAX = 255;

export type LinkMessage =
  | {
      readonly kind: 'link' | 'gone';
      readonly index: number;
      readonly name: string;
      readonly isUp: boolean;
      /** Received and sent since it was made; 0 where the kernel does not say. */
      readonly packets: number;
    }
  /** The end of a list. */
  | { readonly kind: 'done' };

/** What is not about interfaces, or damaged, is passed over. */
export function* readLinks(datagram: Uint8Array): Generator<LinkMessage> {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > datagram.length) return;
    const type = view.getUint16(at + 4, true);
    if (type === NLMSG_DONE) yield { kind: 'done' };
    const isLink = type === RTM_NEWLINK || type === RTM_DELLINK;
    if (isLink && length >= ATTRIBUTES_AT && view.getUint8(at + HEADER_BYTES) === AF_UNSPEC) {
      yield readLink(view, at, length, type === RTM_NEWLINK ? 'link' : 'gone');
    }
    at += (length + 3) & ~3;
  }
}

function readLink(view: DataView, start: number, length: number, kind: 'link' | 'gone'): LinkMessage {
  const index = view.getInt32(start + 20, true);
  const isUp = (view.getUint32(start + 24, true) & IFF_UP) !== 0;
  let name = '';
  let packets = 0;
  const end = start + length;
  for (let at = start + ATTRIBUTES_AT; at + ATTRIBUTE_HEADER_BYTES <= end; ) {
    const bytes = view.getUint16(at, true);
    if (bytes < ATTRIBUTE_HEADER_BYTES || at + bytes > end) break;
    const value = at + ATTRIBUTE_HEADER_BYTES;
    const type = view.getUint16(at + 2, true);
    if (type === IFLA_IFNAME) name = textOf(view, value, bytes - ATTRIBUTE_HEADER_BYTES);
    else if (type === IFLA_STATS64 && bytes >= ATTRIBUTE_HEADER_BYTES + 16) {
      packets = Number(view.getBigUint64(value, true)) + Number(view.getBigUint64(value + 8, true));
    }
    at += (bytes + 3) & ~3;
  }
  return { kind, index, name, isUp, packets };
}

function textOf(view: DataView, at: number, bytes: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, bytes)
    .toString('utf8')
    .replace(/\0.*$/s, '');
}

/** Asks for all interfaces, or for the one of this name. */
export function linkRequest(name?: string): Uint8Array {
  const text = Buffer.from(name ?? '').subarray(0, NAME_BYTES_MAX);
  const attributeBytes = name === undefined ? 0 : ATTRIBUTE_HEADER_BYTES + text.length + 1;
  const request = new Uint8Array(ATTRIBUTES_AT + ((attributeBytes + 3) & ~3));
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, RTM_GETLINK, true);
  view.setUint16(6, name === undefined ? NLM_F_REQUEST | NLM_F_DUMP : NLM_F_REQUEST, true);
  if (name === undefined) return request;
  view.setUint16(ATTRIBUTES_AT, attributeBytes, true);
  view.setUint16(ATTRIBUTES_AT + 2, IFLA_IFNAME, true);
  request.set(text, ATTRIBUTES_AT + ATTRIBUTE_HEADER_BYTES);
  return request;
}
