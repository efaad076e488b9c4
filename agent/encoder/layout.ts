/**
 * Where what both sides of the encoder know stands in its linear memory, in bytes: TypeScript through typed arrays, the
 * AssemblyScript of assembly/ through loads and stores. Both compile this file, so it holds nothing but numbers.
 *
 *     0       64       256     512      1536            1792            2304    4096
 *     | place | layout | pairs | octets | octets' bytes | runs of zeros | names | pieces ... | batch ... | rows ...
 *
 * Pieces are the steps of the two rows and the bytes that all rows share; they, the batch and the rows follow each other without
 * a fixed border.
 */

/** The record that is read next: its address. */
export const IN_AT = 0;
/** Where the next row begins. */
export const OUT_AT = 4;
/** UTF-8 bytes of the values so far. */
export const VALUES = 8;

/** Unix seconds, a float64. */
export const WINDOW_START = 64;
/** Room for the length of a row. */
export const LENGTH_BYTES = 72;
/** What each row begins with: where it stands, and how many bytes it has. */
export const HEAD_AT = 76;
export const HEAD_BYTES = 80;
/** The row of records without annotations, and that of records with them. */
export const PLAIN = 96;
export const ANNOTATED = 128;

/** Of a row, from PLAIN or ANNOTATED on. */
export const STEPS_AT = 0;
export const STEPS = 4;
export const AFTER_AT = 8;
export const AFTER_BYTES = 12;
export const VALUE_BYTES = 16;

/** Of a step. */
export const STEP_BYTES = 16;
export const BEFORE_AT = 0;
export const BEFORE_BYTES = 4;
export const OPENING_BYTES = 8;
export const WRITER = 12;

/** Two digits for each number below 100. */
export const PAIRS = 256;
/** The digits of each octet and a dot, four bytes each. */
export const OCTETS = 512;
/** Bytes of those, the dot included. */
export const OCTET_BYTES = 1536;
/** The first of the longest runs of zeros in a mask of eight groups (8: none), and its length. */
export const RUN_START = 1792;
export const RUN_LENGTH = 2048;
/** Lists of names, each of eight entries of sixteen bytes: how long the name is, and the name. */
export const NAMES = 2304;
export const NAME_BYTES = 16;
export const NAMES_IN_LIST = 8;
/** Places of the lists. */
export const ACTIONS = 0;
export const DIRECTIONS = 1;
export const INITIATORS = 2;
export const EVIDENCES = 3;
export const TRANSLATIONS = 4;
export const PIECES = 4096;

/** A piece is copied by eight bytes at a time, so that many more may be written. */
export const OVERRUN_BYTES = 8;

/** Instead of the length of a name: a value that this version does not know. */
export const NO_NAME = 0xff;

/** Values that a step writes. */
export const SOURCE = 0;
export const DESTINATION = 1;
export const SOURCE_PORT = 2;
export const DESTINATION_PORT = 3;
export const SOURCE_PORT_WHERE_ANY = 4;
export const DESTINATION_PORT_WHERE_ANY = 5;
export const PROTOCOL = 6;
export const PACKETS = 7;
export const BYTES = 8;
export const TCP_FLAGS = 9;
export const FIRST_SECOND = 10;
export const LAST_SECOND = 11;
export const FIRST_NANOSECOND = 12;
export const LAST_NANOSECOND = 13;
export const FAMILY = 14;
export const ICMP_TYPE = 15;
export const ICMP_CODE = 16;
export const ACTION = 17;
export const DIRECTION = 18;
export const INITIATOR = 19;
export const EVIDENCE = 20;
export const TRANSLATION = 21;
export const REJECT_RULE = 22;
export const SOURCE_REGION = 23;
export const DESTINATION_REGION = 24;
export const HANDSHAKE = 25;
export const TRANSLATED_SOURCE = 26;
export const TRANSLATED_DESTINATION = 27;
export const TRANSLATED_SOURCE_PORT = 28;
export const TRANSLATED_DESTINATION_PORT = 29;
export const WIRE_PACKETS = 30;
export const WIRE_BYTES = 31;
