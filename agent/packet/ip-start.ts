/**
 * Where the outermost IP header of a frame begins, from an EtherType on: VLAN tags, LLC/SNAP, MPLS and PPPoE are walked. Total
 * and hot as decode.ts is, and by its names of lengths. The answer is one number: offset << 1 for IPv4, | 1 for IPv6.
 */

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_MPLS_UPSTREAM = 0x8848;
const ETHERTYPE_PPPOE_SESSION = 0x8864;
/** Below this an Ethernet type field is an IEEE 802.3 length. */
const ETHERTYPE_MIN = 0x0600;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/** The frame carries no IP packet. */
export const NO_IP = -1;
/** The capture ends inside of a link layer. */
export const CUT = -2;

/** The payload of `type` begins at `payload`. */
export function findIp(type: number, view: DataView, at: number, payload: number, captured: number): number {
  let next = payload;
  for (;;) {
    if (type < ETHERTYPE_MIN) {
      type = snapEtherType(view, at + next, captured - next);
      if (type === CUT) return CUT;
      next += 8;
    }
    if (!isVlanTag(type)) break;
    if (captured < next + 4) return CUT;
    type = view.getUint16(at + next + 2);
    next += 4;
  }
  if (type === ETHERTYPE_IPV4) return next << 1;
  if (type === ETHERTYPE_IPV6) return (next << 1) | 1;
  if (type === ETHERTYPE_MPLS || type === ETHERTYPE_MPLS_UPSTREAM) return behindLabels(view, at, next, captured);
  if (type === ETHERTYPE_PPPOE_SESSION) return behindPppoe(view, at, next, captured);
  return NO_IP;
}

export function isVlanTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100;
}

/**
 * The EtherType behind LLC AA-AA-03 and SNAP OUI 00-00-00 (RFC 1042), 0 for anything else, or `CUT` when what was captured
 * of the eight bytes agrees with SNAP and ends before them.
 */
function snapEtherType(view: DataView, at: number, left: number): number {
  if (left >= 8) return view.getUint32(at) === 0xaaaa0300 && view.getUint16(at + 4) === 0 ? view.getUint16(at + 6) : 0;
  for (let byte = 0; byte < left && byte < 6; byte++) {
    const expected = byte < 2 ? 0xaa : byte === 2 ? 0x03 : 0;
    if (view.getUint8(at + byte) !== expected) return 0;
  }
  return CUT;
}

/** RFC 3032: labels until the bottom of the stack; what follows is known by its first nibble alone. */
function behindLabels(view: DataView, at: number, labels: number, captured: number): number {
  let next = labels;
  let bottom = 0;
  while (bottom === 0) {
    if (captured < next + 4) return CUT;
    bottom = view.getUint8(at + next + 2) & 1;
    next += 4;
  }
  if (captured <= next) return CUT;
  const version = view.getUint8(at + next) >> 4;
  if (version === 4) return next << 1;
  return version === 6 ? (next << 1) | 1 : NO_IP;
}

/** RFC 2516 section 4: six bytes of PPPoE, then the PPP protocol: two bytes, or one that is odd (RFC 1661 section 6.5). */
function behindPppoe(view: DataView, at: number, header: number, captured: number): number {
  let next = header + 7;
  if (captured < next) return CUT;
  let protocol = view.getUint8(at + header + 6);
  if ((protocol & 1) === 0) {
    next += 1;
    if (captured < next) return CUT;
    protocol = view.getUint16(at + header + 6);
  }
  if (protocol === PPP_IPV4) return next << 1;
  return protocol === PPP_IPV6 ? (next << 1) | 1 : NO_IP;
}
