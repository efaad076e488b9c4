/**
 * Records as a table for people: the largest flows of a window, aligned, within the terminal's width. Cold but for
 * `TopRecords.add`, which looks at every record of a window that may hold millions and keeps a few.
 */
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../model/flow-record.ts';
import { type Column, layOut } from './columns.ts';
import { endpoint } from './endpoint.ts';
import { counted, humanBytes, humanCount } from './human.ts';
import { protocolName } from './protocol-name.ts';

/** The largest records of a window and the sums of all: what `formatTable` needs, in a form that crosses threads. */
export interface TopSummary {
  /** All records. */
  readonly records: number;
  readonly packets: number;
  readonly bytes: number;
  /** Largest first. */
  readonly largest: readonly FlowRecord[];
}

/** The records with the most bytes. Memory: `limit` records, however many are added. */
export class TopRecords {
  readonly #limit: number;
  /** A binary heap with the smallest kept record at its root: most records are refused by one comparison. */
  readonly #heap: FlowRecord[] = [];
  /** All records that were added. */
  records = 0;
  packets = 0;
  bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(cursor: RecordCursor): void {
    for (const record = createFlowRecord(); cursor.next(record); ) {
      this.records++;
      this.packets += record.packets;
      this.bytes += record.bytes;
      this.#offer(record);
    }
  }

  /** Largest first. */
  sorted(): readonly FlowRecord[] {
    return this.#heap.toSorted((left, right) => compare(right, left));
  }

  summary(): TopSummary {
    return { records: this.records, packets: this.packets, bytes: this.bytes, largest: this.sorted() };
  }

  #offer(record: FlowRecord): void {
    const heap = this.#heap;
    if (heap.length < this.#limit) {
      heap.push(copyOf(record));
      this.#siftUp(heap.length - 1);
    } else if (this.#limit > 0 && compare(record, heap[0]!) > 0) {
      heap[0] = copyOf(record);
      this.#siftDown(0);
    }
  }

  #siftUp(index: number): void {
    const parent = (index - 1) >> 1;
    if (index === 0 || compare(this.#heap[parent]!, this.#heap[index]!) <= 0) return;
    this.#swap(parent, index);
    this.#siftUp(parent);
  }

  #siftDown(index: number): void {
    const heap = this.#heap;
    let smallest = index;
    for (const child of [2 * index + 1, 2 * index + 2]) {
      if (child < heap.length && compare(heap[child]!, heap[smallest]!) < 0) smallest = child;
    }
    if (smallest === index) return;
    this.#swap(smallest, index);
    this.#siftDown(smallest);
  }

  #swap(left: number, right: number): void {
    const heap = this.#heap;
    const kept = heap[left]!;
    heap[left] = heap[right]!;
    heap[right] = kept;
  }
}

/** The cursor's record and its annotations are written over by the next one. */
function copyOf(record: FlowRecord): FlowRecord {
  return { ...record, annotations: record.isAnnotated ? { ...record.annotations } : record.annotations };
}

/** Bytes, then packets, then the key: a total order, so that the same window gives the same table. */
function compare(left: FlowRecord, right: FlowRecord): number {
  return (
    left.bytes - right.bytes ||
    left.packets - right.packets ||
    left.protocol - right.protocol ||
    left.source0 - right.source0 ||
    left.source1 - right.source1 ||
    left.source2 - right.source2 ||
    left.source3 - right.source3 ||
    left.destination0 - right.destination0 ||
    left.destination1 - right.destination1 ||
    left.destination2 - right.destination2 ||
    left.destination3 - right.destination3 ||
    left.sourcePort - right.sourcePort ||
    left.destinationPort - right.destinationPort ||
    left.icmpType - right.icmpType ||
    left.icmpCode - right.icmpCode
  );
}

const COLUMNS: readonly Column<FlowRecord>[] = [
  { title: 'proto', cell: ({ protocol }) => protocolName(protocol) },
  { title: 'source', shrinks: true, stays: true, cell: (record) => endpoint(record, 'source') },
  { title: 'destination', shrinks: true, stays: true, cell: (record) => endpoint(record, 'destination') },
  { title: 'packets', align: 'right', cell: ({ packets }) => humanCount(packets) },
  { title: 'bytes', align: 'right', stays: true, cell: ({ bytes }) => humanBytes(bytes) },
  { title: 'flags', cell: ({ tcpFlags }) => tcpFlagLetters(tcpFlags) },
  {
    title: 'seconds',
    align: 'right',
    cell: ({ firstMicroseconds, lastMicroseconds }) => ((lastMicroseconds - firstMicroseconds) / 1e6).toFixed(1),
  },
];
/** The ones that do not leave before the addresses are cut. */
const COLUMNS_MIN = 5;

/**
 * The kept records, largest first, under a line of titles, and how many more there were; each line ends in a line feed.
 *
 * @param width columns of the terminal.
 */
export function formatTable(top: TopRecords | TopSummary, width: number): string {
  const records = 'largest' in top ? top.largest : top.sorted();
  const lines = layOut(COLUMNS, records, width, COLUMNS_MIN);
  const rest = top.records - records.length;
  if (rest > 0) lines.push(`and ${counted(rest, 'more flow')}`);
  return `${lines.join('\n')}\n`;
}

/** From the lowest bit: FIN SYN RST PSH ACK URG ECE CWR, with the letters that tcpdump and Wireshark use. */
const FLAG_LETTERS = 'FSRPAUEC';

/** The flags seen in any packet, in the order in which a connection shows them: `SPAF`. */
export function tcpFlagLetters(flags: number): string {
  return [...'SPAFRUEC'].filter((letter) => (flags & (1 << FLAG_LETTERS.indexOf(letter))) !== 0).join('');
}
