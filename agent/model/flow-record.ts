import { type Annotations, createAnnotations } from './annotations.ts';

/**
 * One flow record, read in place: readers (a table's slot, an encoded batch) load it, printers (NDJSON, CLS logs ...) write
 * it out. One object is reused for millions of records; nothing keeps it.
 *
 * Addresses are unsigned 32-bit words in network order: IPv4 uses only `source0` and `destination0`; IPv6 uses all four,
 * `source0` being the most significant. Counters are exact below 2^53. Times are microseconds after the window's start.
 */
export interface FlowRecord {
  family: 4 | 6;
  source0: number;
  source1: number;
  source2: number;
  source3: number;
  destination0: number;
  destination1: number;
  destination2: number;
  destination3: number;
  /** 0 for protocols without ports, for later fragments and for cut headers. */
  sourcePort: number;
  destinationPort: number;
  /** Of ICMP and ICMPv6 where they are part of the key; -1 where they are not, and of later fragments and cut headers. */
  icmpType: number;
  icmpCode: number;
  /** IANA protocol number of the outermost IP packet. */
  protocol: number;
  /** Bitwise OR of the low eight TCP flag bits. */
  tcpFlags: number;
  packets: number;
  /** IP header and payload, without link layer. */
  bytes: number;
  /** On the wire more than `packets`, where a flow log has both counted (packet/segments.ts); 0 elsewhere. */
  furtherPackets: number;
  furtherBytes: number;
  firstMicroseconds: number;
  lastMicroseconds: number;
  /** Whether `annotations` belong to this record. Most records have none, and cost nothing for it. */
  isAnnotated: boolean;
  readonly annotations: Annotations;
}

export function createFlowRecord(): FlowRecord {
  return {
    family: 4,
    source0: 0,
    source1: 0,
    source2: 0,
    source3: 0,
    destination0: 0,
    destination1: 0,
    destination2: 0,
    destination3: 0,
    sourcePort: 0,
    destinationPort: 0,
    icmpType: -1,
    icmpCode: -1,
    protocol: 0,
    tcpFlags: 0,
    packets: 0,
    bytes: 0,
    furtherPackets: 0,
    furtherBytes: 0,
    firstMicroseconds: 0,
    lastMicroseconds: 0,
    isAnnotated: false,
    annotations: createAnnotations(),
  };
}

/** Something that holds records: a closed table, an encoded batch. */
export interface RecordCursor {
  /** Loads the next record and answers true, or answers false at the end. */
  next(record: FlowRecord): boolean;
}
