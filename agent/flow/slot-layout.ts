/**
 * How one flow lies in a table: eight 32-bit words for IPv4 (half a cache line), sixteen for IPv6 (a whole one). A slot is
 * free while its state word is 0. Words are in the machine's byte order; addresses hold network-order values.
 *
 *     IPv4  0 source  1 destination  2 ports  3 state  4 packets  5 bytes, low  6 first  7 last
 *     IPv6  0..3 source  4..7 destination  8 ports  9 state  10 packets  11 bytes, low  12 first  13 last  14 hash  15 free
 *
 *     state   31        30        29 .. 16      15 .. 8     7 .. 0
 *             occupied  carrying  bytes, high   TCP flags   protocol
 *
 * The ports of ICMP are 0, or its type and code (packet/icmp.ts). Bytes have 46 bits (70 TB in a window), packets 32. `first` and `last` are microseconds in the window.
 *
 * A carry takes two words, and a kill may come between them. So it is announced first: while `carrying` is set, a low word
 * that is small has carried already, and one that is large has not.
 *
 * The kernel in WebAssembly compiles this file, too: it holds nothing but numbers of 32 bits.
 */
export const IPV4_WORDS = 8;
export const IPV4_STATE = 3;
export const IPV6_WORDS = 16;
export const IPV6_STATE = 9;
export const IPV6_HASH = 14;

export const OCCUPIED = -0x8000_0000;
export const STATE_PROTOCOL = 0xff;
export const STATE_FLAGS = 0xff00;
/** One more in the high bytes: added when the low word carries. */
export const STATE_BYTES_CARRY = 0x1_0000;
/** The high bytes at their most: a flow that carries once more no longer fits. */
export const STATE_BYTES_FULL = 0x3fff_0000;
/** Set from before the low word carries until the high bytes have it. */
export const STATE_CARRYING = 0x4000_0000;
