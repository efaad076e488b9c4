/**
 * One decoded packet: sixteen 32-bit words (one cache line) in an `Int32Array` of rows. The decoder writes the key, the meter
 * adds the time, the table adds the slot. IPv4 addresses use one word, IPv6 addresses four, most significant first.
 *
 *     0..3     4..7          8                    9                 10     11            12    13    14        15
 *     source   destination   source port << 16    protocol          IP     microseconds  slot  hash  further   type and code
 *                            | destination port   | tcpFlags << 8   bytes  in the window             packets   of ICMP (icmp.ts)
 *
 * Further packets are those that the frame is on the wire beside the one that it is here: 0 unless segments.ts says more. The slot is where the row's flow may be in a table, the hash that of its key over IPv6. The kernel in WebAssembly compiles this
 * file, too: it holds nothing but numbers.
 */
export const SOURCE = 0;
export const DESTINATION = 4;
export const PORTS = 8;
export const PROTOCOL_AND_FLAGS = 9;
export const IP_BYTES = 10;
export const MICROSECONDS = 11;
export const SLOT = 12;
export const HASH = 13;
export const FURTHER_PACKETS = 14;
export const ICMP = 15;
export const ROW_WORDS = 16;
