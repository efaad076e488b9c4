/**
 * What flowlogd must see in one frame, decoded the slow and plain way: one small function per sentence of the semantics, a
 * fresh object per answer, no knowledge of how the agent does it. It is the oracle of the decoder's property tests, and by
 * itself reproduces the expectations of the capture corpus.
 *
 * Where the semantics leave room, the reading is said at the line that takes it, marked READING.
 */

export interface Frame {
  /** At least `capturedLength` bytes; what stands behind them is not of the frame. */
  readonly bytes: Uint8Array;
  readonly capturedLength: number;
  readonly wireLength: number;
  /** LINKTYPE_ value. */
  readonly linkType: number;
}

export interface Refusal {
  readonly refusal: 'not-ip' | 'malformed';
}

export interface DecodedPacket {
  readonly family: 4 | 6;
  /** Dotted quad, or eight groups of four hexadecimal digits. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly bytes: number;
  readonly tcpFlags: number;
  /** Of protocols 1 and 58, where both were captured and lie inside the packet. */
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly excludedBy?: 'dhcp' | 'dhcpv6' | 'windows-activation';
}

export const REFERENCE_LINK_TYPES = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276] as const;

export function decodeReference(frame: Frame): Refusal | DecodedPacket {
  try {
    const captured = new Captured(frame.bytes.slice(0, frame.capturedLength));
    // READING: at least as many bytes were on the wire as were captured, whatever a file says.
    const frameLength = Math.max(frame.wireLength, frame.capturedLength);
    const found = walkLinkLayer(captured, frame.linkType, frameLength);
    const lengthOnWire = frameLength - found.offset;
    const packet =
      found.version === 4 ? decodeIpv4(captured, found, lengthOnWire) : decodeIpv6(captured, found, lengthOnWire);
    const excludedBy = excludedByRule(packet);
    return excludedBy === undefined ? packet : { ...packet, excludedBy };
  } catch (thrown) {
    if (thrown instanceof Refused) return { refusal: thrown.refusal };
    throw thrown;
  }
}

const VLAN = [0x8100, 0x88a8, 0x9100];

class Refused extends Error {
  readonly refusal: Refusal['refusal'];

  constructor(refusal: Refusal['refusal']) {
    super(refusal);
    this.refusal = refusal;
  }
}

/** The captured bytes. READING: a header that the capture cuts, on the link layer too, is `malformed`, never `not-ip`. */
class Captured {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  has(offset: number, count: number): boolean {
    return offset + count <= this.#bytes.length;
  }

  /** An unsigned number of `count` bytes in network order. */
  number(offset: number, count: number): number {
    if (!this.has(offset, count)) throw new Refused('malformed');
    let value = 0;
    for (let index = 0; index < count; index++) value = value * 256 + this.#bytes[offset + index]!;
    return value;
  }
}

/** Where the outermost IP header starts, and which version the link layer announced. */
interface IpStart {
  readonly offset: number;
  readonly version: 4 | 6;
}

function walkLinkLayer(captured: Captured, linkType: number, frameLength: number): IpStart {
  switch (linkType) {
    case 1:
      return walkEtherType(captured, captured.number(12, 2), 14);
    case 113:
      // READING: all 16 bytes of the header must be there, and the hardware type does not change what the protocol means.
      return walkCooked(captured, captured.number(14, 2), 16, frameLength);
    case 276:
      captured.number(19, 1);
      return walkCooked(captured, captured.number(0, 2), 20, frameLength);
    case 0:
    case 108:
      return walkAddressFamily(captured);
    case 12:
    case 14:
    case 101:
      return rawIp(captured);
    case 228:
      return { offset: 0, version: 4 };
    case 229:
      return { offset: 0, version: 6 };
    default:
      throw new RangeError(`link type ${linkType} is not one of the page`);
  }
}

/**
 * READING: the kernel announces the innermost EtherType and leaves inner tags, each two bytes of tag and the EtherType of
 * what follows, in front of what is announced. Whether bytes are such tags or already the packet, the IP header tells that
 * either reading leads to: they are tags when it stands better behind them. Tags that are announced come before them.
 */
function walkCooked(captured: Captured, type: number, offset: number, frameLength: number): IpStart {
  if (VLAN.includes(type)) return walkCooked(captured, captured.number(offset + 2, 2), offset + 4, frameLength);
  const behind = behindInnerTags(captured, type, offset);
  if (behind !== undefined) {
    const plain = standing(captured, type, offset, frameLength);
    if (standing(captured, type, behind, frameLength) > plain) return walkEtherType(captured, type, behind);
  }
  return walkEtherType(captured, type, offset);
}

/** Where the last of one or more tags ends that lead to `type`. */
function behindInnerTags(captured: Captured, type: number, offset: number): number | undefined {
  if (!captured.has(offset, 4)) return undefined;
  const next = captured.number(offset + 2, 2);
  if (next === type) return offset + 4;
  return VLAN.includes(next) ? behindInnerTags(captured, type, offset + 4) : undefined;
}

/**
 * How well an IP header stands where `type` leads from `offset`: 0 for none, 1 when its version and length fit the frame, 2
 * when it ends where the frame does, 3 when it is IPv4 and its checksum is right. READING: a header that the capture cuts is
 * none, and so is IPv4 of total length 0 (segmentation offload) without a right checksum.
 */
function standing(captured: Captured, type: number, offset: number, frameLength: number): number {
  let start: IpStart;
  try {
    start = walkEtherType(captured, type, offset);
  } catch (thrown) {
    if (thrown instanceof Refused) return 0;
    throw thrown;
  }
  const left = frameLength - start.offset;
  const headerLength = start.version === 4 ? 20 : 40;
  if (!captured.has(start.offset, headerLength)) return 0;
  if (captured.number(start.offset, 1) >> 4 !== start.version) return 0;
  if (start.version === 4) return standingOfIpv4(captured, start.offset, left);
  return standingOfLength(claimedIpv6Length(captured, start.offset, left), left);
}

function standingOfIpv4(captured: Captured, offset: number, left: number): number {
  const headerLength = (captured.number(offset, 1) % 16) * 4;
  const totalLength = captured.number(offset + 2, 2);
  if (headerLength < 20 || headerLength > left || totalLength > left) return 0;
  if (totalLength !== 0 && totalLength < headerLength) return 0;
  if (hasRightChecksum(captured, offset, headerLength)) return 3;
  return totalLength === 0 ? 0 : standingOfLength(totalLength, left);
}

function standingOfLength(length: number, left: number): number {
  if (length > left) return 0;
  return length === left ? 2 : 1;
}

/** RFC 1071: with its checksum, a right header adds up to a multiple of 65535. */
function hasRightChecksum(captured: Captured, offset: number, headerLength: number): boolean {
  if (!captured.has(offset, headerLength)) return false;
  let sum = 0;
  for (let at = 0; at < headerLength; at += 2) sum += captured.number(offset + at, 2);
  return sum % 0xffff === 0;
}

function walkEtherType(captured: Captured, type: number, offset: number): IpStart {
  // READING: below 0x0600 the field is an 802.3 length (on SLL: the pseudo-types, of which 4 is 802.2); LLC follows.
  if (type < 0x0600) return walkLlcSnap(captured, offset);
  switch (type) {
    case 0x0800:
      return { offset, version: 4 };
    case 0x86dd:
      return { offset, version: 6 };
    case VLAN[0]:
    case VLAN[1]:
    case VLAN[2]:
      return walkEtherType(captured, captured.number(offset + 2, 2), offset + 4);
    case 0x8847:
    case 0x8848:
      return walkMpls(captured, offset);
    case 0x8864:
      return walkPppoe(captured, offset);
    default:
      throw new Refused('not-ip');
  }
}

function walkLlcSnap(captured: Captured, offset: number): IpStart {
  const snap = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00];
  // READING: bytes that differ from SNAP are not IP however few there are; a SNAP header that is cut is malformed.
  for (const [index, byte] of snap.entries()) {
    if (captured.number(offset + index, 1) !== byte) throw new Refused('not-ip');
  }
  const type = captured.number(offset + 6, 2);
  // READING: what stands in SNAP is an EtherType and never a second 802.3 length.
  if (type < 0x0600) throw new Refused('not-ip');
  return walkEtherType(captured, type, offset + 8);
}

function walkMpls(captured: Captured, offset: number): IpStart {
  const label = captured.number(offset, 4);
  const next = offset + 4;
  const isBottomOfStack = (label >> 8) % 2 !== 0;
  if (!isBottomOfStack) return walkMpls(captured, next);
  const nibble = captured.number(next, 1) >> 4;
  if (nibble !== 4 && nibble !== 6) throw new Refused('not-ip');
  return { offset: next, version: nibble };
}

function walkPppoe(captured: Captured, offset: number): IpStart {
  const protocolLength = captured.number(offset + 6, 1) % 2 === 1 ? 1 : 2;
  const protocol = captured.number(offset + 6, protocolLength);
  if (protocol === 0x21) return { offset: offset + 6 + protocolLength, version: 4 };
  if (protocol === 0x57) return { offset: offset + 6 + protocolLength, version: 6 };
  throw new Refused('not-ip');
}

function walkAddressFamily(captured: Captured): IpStart {
  const bigEndian = captured.number(0, 4);
  const littleEndian = [3, 2, 1, 0].reduce((value, index) => value * 256 + captured.number(index, 1), 0);
  for (const family of [bigEndian, littleEndian]) {
    if (family === 2) return { offset: 4, version: 4 };
    if ([10, 23, 24, 28, 30].includes(family)) return { offset: 4, version: 6 };
  }
  throw new Refused('not-ip');
}

/** READING: the link layer announces IP of either version, so another version is malformed and not "not IP". */
function rawIp(captured: Captured): IpStart {
  const version = captured.number(0, 1) >> 4;
  if (version !== 4 && version !== 6) throw new Refused('malformed');
  return { offset: 0, version };
}

function decodeIpv4(captured: Captured, { offset }: IpStart, lengthOnWire: number): DecodedPacket {
  if (!captured.has(offset, 20)) throw new Refused('malformed');
  const version = captured.number(offset, 1) >> 4;
  const headerLength = (captured.number(offset, 1) & 15) * 4;
  const totalLength = captured.number(offset + 2, 2);
  if (version !== 4 || headerLength < 20) throw new Refused('malformed');
  if (totalLength !== 0 && totalLength < headerLength) throw new Refused('malformed');
  const bytes = totalLength === 0 ? lengthOnWire : Math.min(totalLength, lengthOnWire);
  if (bytes < headerLength) throw new Refused('malformed');
  const fragmentOffset = captured.number(offset + 6, 2) & 0x1fff;
  const protocol = captured.number(offset + 9, 1);
  return {
    family: 4,
    source: dottedQuad(captured, offset + 12),
    destination: dottedQuad(captured, offset + 16),
    protocol,
    bytes,
    ...transport(captured, protocol, fragmentOffset !== 0, offset + headerLength, offset + bytes),
  };
}

function decodeIpv6(captured: Captured, { offset }: IpStart, lengthOnWire: number): DecodedPacket {
  if (!captured.has(offset, 40)) throw new Refused('malformed');
  if (captured.number(offset, 1) >> 4 !== 6) throw new Refused('malformed');
  const bytes = Math.min(claimedIpv6Length(captured, offset, lengthOnWire), lengthOnWire);
  const { protocol, laterFragment, end } = walkExtensionHeaders(captured, offset, offset + bytes);
  return {
    family: 6,
    source: eightGroups(captured, offset + 8),
    destination: eightGroups(captured, offset + 24),
    protocol,
    bytes,
    ...transport(captured, protocol, laterFragment, end, offset + bytes),
  };
}

function claimedIpv6Length(captured: Captured, offset: number, lengthOnWire: number): number {
  const payloadLength = captured.number(offset + 4, 2);
  const nextHeader = captured.number(offset + 6, 1);
  if (payloadLength !== 0) return 40 + payloadLength;
  if (nextHeader === 59) return 40;
  const jumbo = nextHeader === 0 ? jumboPayloadLength(captured, offset + 40) : undefined;
  return jumbo === undefined ? lengthOnWire : 40 + jumbo;
}

/**
 * RFC 2675, section 2: option 0xc2 with four bytes of length. READING: only in the Hop-by-Hop header that follows the IPv6
 * header, and only where the option was captured whole and ends inside that header; whatever number it holds.
 */
function jumboPayloadLength(captured: Captured, offset: number): number | undefined {
  if (!captured.has(offset, 8)) return undefined;
  const end = offset + (captured.number(offset + 1, 1) + 1) * 8;
  const readable = (at: number, count: number) => at + count <= end && captured.has(at, count);
  let at = offset + 2;
  while (readable(at, 1)) {
    const type = captured.number(at, 1);
    if (type === 0) {
      at += 1;
      continue;
    }
    if (!readable(at, 2)) return undefined;
    const length = captured.number(at + 1, 1);
    if (type === 0xc2 && length === 4) return readable(at, 6) ? captured.number(at + 2, 4) : undefined;
    at += 2 + length;
  }
  return undefined;
}

function walkExtensionHeaders(captured: Captured, start: number, packetEnd: number) {
  let protocol = captured.number(start + 6, 1);
  let at = start + 40;
  while ([0, 43, 44, 51, 60].includes(protocol) && captured.has(at, 8) && at + 8 <= packetEnd) {
    const header = protocol;
    const n = captured.number(at + 1, 1);
    protocol = captured.number(at, 1);
    const fragmentOffset = captured.number(at + 2, 2) >> 3;
    // READING: a Fragment header has no length field (RFC 8200, section 4.5): its second byte is reserved and is not n.
    if (header === 44) at += 8;
    else at += header === 51 ? (n + 2) * 4 : (n + 1) * 8;
    if (header === 44 && fragmentOffset !== 0) return { protocol, laterFragment: true, end: at };
  }
  return { protocol, laterFragment: false, end: at };
}

function transport(captured: Captured, protocol: number, laterFragment: boolean, at: number, packetEnd: number) {
  const none = { sourcePort: 0, destinationPort: 0, tcpFlags: 0 };
  const whole = (count: number) => captured.has(at, count) && at + count <= packetEnd;
  if ((protocol === 1 || protocol === 58) && !laterFragment && whole(2)) {
    return { ...none, icmp: { type: captured.number(at, 1), code: captured.number(at + 1, 1) } };
  }
  if ((protocol !== 6 && protocol !== 17) || laterFragment || !whole(4)) return none;
  return {
    sourcePort: captured.number(at, 2),
    destinationPort: captured.number(at + 2, 2),
    // READING: a byte behind the IP packet (padding) is not of its TCP header, so captured is not enough.
    tcpFlags: protocol === 6 && whole(14) ? captured.number(at + 13, 1) : 0,
  };
}

function excludedByRule({ family, protocol, sourcePort, destinationPort }: DecodedPacket): DecodedPacket['excludedBy'] {
  const bothIn = (ports: readonly number[]) => ports.includes(sourcePort) && ports.includes(destinationPort);
  if (family === 4 && protocol === 17 && bothIn([67, 68])) return 'dhcp';
  if (family === 6 && protocol === 17 && bothIn([546, 547])) return 'dhcpv6';
  const isActivation =
    (sourcePort === 1688 && destinationPort >= 32_768) || (destinationPort === 1688 && sourcePort >= 32_768);
  if (protocol === 6 && isActivation) return 'windows-activation';
  return undefined;
}

function dottedQuad(captured: Captured, offset: number): string {
  return [0, 1, 2, 3].map((index) => captured.number(offset + index, 1)).join('.');
}

function eightGroups(captured: Captured, offset: number): string {
  const group = (index: number) =>
    captured
      .number(offset + index * 2, 2)
      .toString(16)
      .padStart(4, '0');
  return [0, 1, 2, 3, 4, 5, 6, 7].map(group).join(':');
}
