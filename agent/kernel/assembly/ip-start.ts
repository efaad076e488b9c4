/**
 * Where the outermost IP header of a frame begins: packet/ip-start.ts, and its comments, with addresses instead of a view.
 * `at` is the frame's address; the other positions count from there. The answer is offset << 1 for IPv4, | 1 for IPv6.
 */
import { byteAt, shortAt, wordAt } from './big-endian';

export const ETHERTYPE_IPV4: u32 = 0x0800;
export const ETHERTYPE_IPV6: u32 = 0x86dd;
const ETHERTYPE_MPLS: u32 = 0x8847;
const ETHERTYPE_MPLS_UPSTREAM: u32 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u32 = 0x8864;
const ETHERTYPE_MIN: u32 = 0x0600;
const PPP_IPV4: u32 = 0x0021;
const PPP_IPV6: u32 = 0x0057;

export const NO_IP: i32 = -1;
export const CUT: i32 = -2;

export function findIp(announced: u32, at: usize, payload: u32, captured: u32): i32 {
  let type = announced;
  let next = payload;
  for (;;) {
    if (type < ETHERTYPE_MIN) {
      const inner = snapEtherType(at + next, captured - next);
      if (inner === CUT) return CUT;
      type = inner;
      next += 8;
    }
    if (!isVlanTag(type)) break;
    if (captured < next + 4) return CUT;
    type = shortAt(at + next + 2);
    next += 4;
  }
  if (type === ETHERTYPE_IPV4) return next << 1;
  if (type === ETHERTYPE_IPV6) return (next << 1) | 1;
  if (type === ETHERTYPE_MPLS || type === ETHERTYPE_MPLS_UPSTREAM) return behindLabels(at, next, captured);
  if (type === ETHERTYPE_PPPOE_SESSION) return behindPppoe(at, next, captured);
  return NO_IP;
}

export function isVlanTag(type: u32): bool {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100;
}

function snapEtherType(at: usize, left: i32): i32 {
  if (left >= 8) return wordAt(at) === 0xaaaa0300 && shortAt(at + 4) === 0 ? shortAt(at + 6) : 0;
  for (let byte = 0; byte < left && byte < 6; byte++) {
    const expected: u32 = byte < 2 ? 0xaa : byte === 2 ? 0x03 : 0;
    if (byteAt(at + byte) !== expected) return 0;
  }
  return CUT;
}

function behindLabels(at: usize, labels: u32, captured: u32): i32 {
  let next = labels;
  let bottom: u32 = 0;
  while (bottom === 0) {
    if (captured < next + 4) return CUT;
    bottom = byteAt(at + next + 2) & 1;
    next += 4;
  }
  if (captured <= next) return CUT;
  const version = byteAt(at + next) >> 4;
  if (version === 4) return next << 1;
  return version === 6 ? (next << 1) | 1 : NO_IP;
}

function behindPppoe(at: usize, header: u32, captured: u32): i32 {
  let next = header + 7;
  if (captured < next) return CUT;
  let protocol = byteAt(at + header + 6);
  if ((protocol & 1) === 0) {
    next += 1;
    if (captured < next) return CUT;
    protocol = shortAt(at + header + 6);
  }
  if (protocol === PPP_IPV4) return next << 1;
  return protocol === PPP_IPV6 ? (next << 1) | 1 : NO_IP;
}
