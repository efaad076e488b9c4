/**
 * The data plane's inner loop: from the records of a batch to groups of rows, which the meter's tables count. Allocates nothing per
 * packet.
 */
import type { Window } from '../flow/window.ts';
import { GROUP } from '../kernel/layout.ts';
import { framesOf, nextRecord, type PacketBatch } from '../model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  FRAME,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  SEGMENTATION,
  WIRE_LENGTH,
} from '../model/packet-batch-layout.ts';
import { type Decoder, IPV4, IPV6, NOT_IP } from '../packet/decode.ts';
import { type Exclusion, KEEP } from '../packet/exclusion.ts';
import { keyByIcmp } from '../packet/icmp.ts';
import { IP_BYTES, MICROSECONDS, ROW_WORDS } from '../packet/key-row.ts';
import { countSegments, forgetSegments, noteSegments } from '../packet/segments.ts';

/** Whose packets they are: the meter. */
export interface GroupOwner {
  readonly currentWindow: Window | undefined;
  /** Makes the window that holds the second the current one. */
  open(seconds: number): Window;
  /** Counts the group's members in the window's tables. */
  count(window: Window, ipv4Count: number, ipv6Count: number): void;
}

export interface GroupOptions {
  readonly windowSeconds: number;
  readonly exclusion: Exclusion;
  /** Whether type and code of ICMP are part of the flow key. */
  readonly keysIcmp?: boolean;
  /** Whether a frame that stands for several packets counts as those, where its record says how many they are. */
  readonly countsWire?: boolean;
  /** Whether what it is on the wire is noted beside what it is here. */
  readonly notesWire?: boolean;
}

/** Where the rows of a group stand, and which of them are of which family, as word offsets. */
export interface GroupMemory {
  readonly rows: Int32Array;
  readonly ipv4Members: Int32Array;
  readonly ipv6Members: Int32Array;
  /** Two of each row: packets and bytes that its frame is on the wire more than here, where they are noted. */
  readonly further: Float64Array;
}

export function createGroupMemory(): GroupMemory {
  return {
    rows: new Int32Array(GROUP * ROW_WORDS),
    ipv4Members: new Int32Array(GROUP),
    ipv6Members: new Int32Array(GROUP),
    further: new Float64Array(2 * GROUP),
  };
}

export class PacketGroups {
  readonly memory: GroupMemory;
  readonly #options: GroupOptions;
  readonly #owner: GroupOwner;

  constructor(options: GroupOptions, owner: GroupOwner, memory = createGroupMemory()) {
    this.#options = options;
    this.#owner = owner;
    this.memory = memory;
  }

  /** Counts every packet of the batch; answers the bytes that its records take. */
  add(batch: PacketBatch, decode: Decoder): number {
    const owner = this.#owner;
    const { windowSeconds, exclusion, countsWire } = this.#options;
    const { rows, ipv4Members, ipv6Members, further } = this.memory;
    const view = batch.view;
    const frames = framesOf(batch);
    const isInline = frames === view;
    const asksSegments = countsWire === true && isInline;
    const notesSegments = this.notesSegments(isInline);
    let window = owner.currentWindow;
    let start = window === undefined ? Number.POSITIVE_INFINITY : window.start;
    let end = start + windowSeconds;
    let ipv4Count = 0;
    let ipv6Count = 0;
    let at = 0;
    for (let packet = batch.count; packet > 0; packet--) {
      const seconds = view.getFloat64(at + SECONDS, true);
      if (window === undefined || !(seconds >= start && seconds < end)) {
        if (window !== undefined) this.#count(window, ipv4Count, ipv6Count);
        ipv4Count = 0;
        ipv6Count = 0;
        window = owner.open(seconds);
        start = window.start;
        end = start + windowSeconds;
      }
      const captured = view.getUint32(at + CAPTURED_LENGTH, true);
      const wire = view.getUint32(at + WIRE_LENGTH, true);
      const row = (ipv4Count + ipv6Count) * ROW_WORDS;
      const frame = isInline ? at + RECORD_HEADER_BYTES : view.getUint32(at + FRAME, true);
      const decoded = decode(frames, frame, captured, wire, rows, row);
      if (decoded === IPV4 || decoded === IPV6) {
        if (asksSegments) countSegments(view.getUint32(at + SEGMENTATION, true), wire, rows, row);
        else if (notesSegments) {
          const segmentation = view.getUint32(at + SEGMENTATION, true);
          noteSegments(segmentation, wire, rows[row + IP_BYTES]! >>> 0, further, (2 * row) / ROW_WORDS);
        }
        const rule = exclusion.match(rows, row, decoded);
        if (rule === KEEP) {
          // The double 0.001 is a little more than a thousandth, so no whole microsecond is ever cut to the one before.
          rows[row + MICROSECONDS] = (seconds - start) * 1_000_000 + view.getUint32(at + NANOSECONDS, true) * 0.001;
          if (decoded === IPV4) ipv4Members[ipv4Count++] = row;
          else ipv6Members[ipv6Count++] = row;
          if (ipv4Count + ipv6Count === GROUP) {
            this.#count(window, ipv4Count, ipv6Count);
            ipv4Count = 0;
            ipv6Count = 0;
          }
        } else {
          window.exclude(rule, rows, row, decoded);
        }
      } else {
        const tally = decoded === NOT_IP ? window.ledger.notIp : window.ledger.malformed;
        tally.packets += 1;
        tally.bytes += wire;
      }
      at = isInline ? nextRecord(at, captured) : at + RECORD_HEADER_BYTES;
    }
    if (window !== undefined) this.#count(window, ipv4Count, ipv6Count);
    return at;
  }

  /** Whether the frames of a batch say what they are on the wire; where they cannot, none is more than here. */
  protected notesSegments(isInline: boolean): boolean {
    if (this.#options.notesWire !== true) return false;
    if (!isInline) this.memory.further.fill(0);
    return isInline;
  }

  #count(window: Window, ipv4Count: number, ipv6Count: number): void {
    if (this.#options.keysIcmp === true) {
      keyByIcmp(this.memory.rows, this.memory.ipv4Members, ipv4Count);
      keyByIcmp(this.memory.rows, this.memory.ipv6Members, ipv6Count);
    }
    this.#owner.count(window, ipv4Count, ipv6Count);
    if (this.#options.countsWire === true) forgetSegments(this.memory.rows);
  }
}
