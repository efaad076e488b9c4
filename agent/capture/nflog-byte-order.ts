/**
 * Capture files of another machine's byte order: the lengths and types of NFLOG attributes are in that order, too
 * (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html), where everything behind capture expects that of this machine. libpcap
 * turns them as it reads; the readers of ours that do without it call this. The values are big-endian everywhere.
 */
export const LINK_TYPE_NFLOG = 239;

const VERSION_OFFSET = 1;
const HEADER_BYTES = 4;
const ATTRIBUTE_BYTES = 4;

/**
 * Turns a big-endian record in place. As in libpcap, the header of an attribute whose value was cut is turned, a record of
 * another version is left alone, and an attribute of length 0 ends it.
 */
export function turnNflogAttributes(view: DataView, at: number, captured: number): void {
  if (captured < HEADER_BYTES || view.getUint8(at + VERSION_OFFSET) !== 0) return;
  let next = HEADER_BYTES;
  while (next + ATTRIBUTE_BYTES <= captured) {
    const length = view.getUint16(at + next);
    const type = view.getUint16(at + next + 2);
    view.setUint16(at + next, length, true);
    view.setUint16(at + next + 2, type, true);
    if (length === 0) return;
    next += (length + 3) & ~3;
  }
}
