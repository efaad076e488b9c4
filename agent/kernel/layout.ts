/**
 * Where what both sides of the kernel know stands in its linear memory, in bytes: TypeScript through typed arrays, the
 * AssemblyScript of assembly/ through loads and stores. Both compile this file, so it holds nothing but numbers.
 *
 *     0           256    512                4096       12288          12800          13312        13824     15872     65536
 *     | progress  | seed | sums of a count  | rows ... | IPv4 members | IPv6 members | spilled    | further |  free   | ranges ...
 *
 * Rows are those of packet/key-row.ts, members and spilled are word offsets of rows, as in the meter; further are two float64 of each
 * row (packet/segments.ts). The ranges
 * (linear-memory.ts) are batches, pieces of files and flow tables.
 */

/** Packets in a group: enough to overlap the cache misses, few enough for the rows to stay in the first-level cache. */
export const GROUP = 128;

/** The record that is read next: its address. */
export const RECORD = 0;
/** Records that are left in the batch, that one included. */
export const RECORDS_LEFT = 4;
/** Where the frames begin that do not follow their records; 0 where they do. */
export const FRAMES = 8;
/** Members of the group so far. */
export const IPV4_COUNT = 12;
export const IPV6_COUNT = 16;
/** The row of a packet that a rule may exclude: its word offset, and its family. */
export const SUSPECT_ROW = 20;
export const SUSPECT_FAMILY = 24;
/** Packets that gave no row since these were last set to 0; bytes are float64. */
export const NOT_IP_PACKETS = 28;
export const MALFORMED_PACKETS = 32;
export const NOT_IP_BYTES = 40;
export const MALFORMED_BYTES = 48;

/** Where the last walk through a pcap file stopped: an address. */
export const WALKED_TO = 56;

export const SEED = 256;

/** What the last count did to a table, and to the tallies as float64. */
export const FLOWS_USED = 512;
/** Nothing reads it: so that the loads of the pass that touches are not optimised away. */
export const TOUCHED = 516;
export const LOST_PACKETS = 520;
export const LOST_BYTES = 528;
export const METERED_PACKETS = 536;
export const METERED_BYTES = 544;

export const ROWS = 4096;
export const IPV4_MEMBERS = 12_288;
export const IPV6_MEMBERS = 12_800;
export const SPILLED = 13_312;
export const FURTHER = 13_824;
/** Where ranges may begin. */
export const RANGES = 65_536;

/** Why the reading of a group ended. */
export const STOP_END = 0;
export const STOP_FULL = 1;
export const STOP_WINDOW = 2;
export const STOP_SUSPECT = 3;

/** What is done about frames that stand for several packets. */
export const SEGMENTS_IGNORED = 0;
export const SEGMENTS_COUNTED = 1;
export const SEGMENTS_NOTED = 2;

/** Link types as the kernel counts them. */
export const LINK_ETHERNET = 0;
export const LINK_NULL = 1;
export const LINK_RAW = 2;
export const LINK_IPV4 = 3;
export const LINK_IPV6 = 4;
export const LINK_SLL = 5;
export const LINK_SLL2 = 6;
