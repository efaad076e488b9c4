/**
 * Where what both sides of the encoder know stands in its linear memory, in bytes: TypeScript through typed arrays, the
 * AssemblyScript of assembly/ through loads and stores. Both compile this file, so it holds nothing but numbers.
 *
 *     0       64       256     512      1536            1792            2304    4096        8192
 *     | place | layout | pairs | octets | octets' bytes | runs of zeros | names | protocols | pieces ... | batch ... | rows ...
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
/** Which row of the batch it is. */
export const INDEX = 12;

/** Unix seconds, a float64. */
export const WINDOW_START = 64;
/** Room for the length of a row. */
export const LENGTH_BYTES = 72;
/** What each row begins with: where it stands, and how many bytes it has. */
export const HEAD_AT = 76;
export const HEAD_BYTES = 80;
/** The tag of each row. */
export const ROW_TAG = 84;
/** The row of records without annotations, and that of records with them. */
export const PLAIN = 96;
export const ANNOTATED = 128;
/** A text that ends in the index of the row, and ends each row: where it stands, its bytes (none: there is no such text), its opening. */
export const UID_AT = 160;
export const UID_BYTES = 164;
export const UID_OPENING_BYTES = 168;

/** Of a row, from PLAIN or ANNOTATED on. */
export const STEPS_AT = 0;
export const STEPS = 4;
export const AFTER_AT = 8;
export const AFTER_BYTES = 12;
export const VALUE_BYTES = 16;

/** Of a step. */
export const STEP_BYTES = 20;
export const BEFORE_AT = 0;
export const BEFORE_BYTES = 4;
export const OPENING_BYTES = 8;
export const WRITER = 12;
export const CLOSING = 16;

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
export const DIRECTION_NAMES = 5;
/** The name of each protocol, in entries as those of the lists. */
export const PROTOCOLS = 4096;
export const PIECES = 8192;

/** A piece is copied by eight bytes at a time, so that many more may be written. */
export const OVERRUN_BYTES = 8;

/** Instead of the length of a name: a value that this version does not know. */
export const NO_NAME = 0xff;

/** Values that a step writes. Numbers first. */
export const SOURCE_PORT = 0;
export const DESTINATION_PORT = 1;
export const SOURCE_PORT_WHERE_ANY = 2;
export const DESTINATION_PORT_WHERE_ANY = 3;
export const PROTOCOL = 4;
export const PACKETS = 5;
export const BYTES = 6;
export const TCP_FLAGS = 7;
export const FIRST_SECOND = 8;
export const LAST_SECOND = 9;
export const ICMP_TYPE = 10;
export const ICMP_CODE = 11;
export const HANDSHAKE = 12;
export const TRANSLATED_SOURCE_PORT = 13;
export const TRANSLATED_DESTINATION_PORT = 14;
export const WIRE_PACKETS = 15;
export const WIRE_BYTES = 16;
/** How many of them there are. */
export const NUMBERS = 17;

export const SOURCE = 17;
export const DESTINATION = 18;
export const FIRST_NANOSECOND = 19;
export const LAST_NANOSECOND = 20;
export const FAMILY = 21;
export const ACTION = 22;
export const DIRECTION = 23;
export const INITIATOR = 24;
export const EVIDENCE = 25;
export const TRANSLATION = 26;
export const REJECT_RULE = 27;
export const SOURCE_REGION = 28;
export const DESTINATION_REGION = 29;
export const TRANSLATED_SOURCE = 30;
export const TRANSLATED_DESTINATION = 31;
/** As attributes of OpenTelemetry say them. */
export const PROTOCOL_NAME = 32;
export const FAMILY_NAME = 33;
export const DIRECTION_NAME = 34;

/** How a step closes: it fills the holes before its value. */
/** `12 length 0a length key 12 length value`, as CLS has it. */
export const CONTENT = 0;
/** `32 length 0a length key 12 length 0a length value`, as OTLP has it. */
export const TEXT = 1;
/** `32 length 0a length key 12 length 18 value`. */
export const NUMBER = 2;
