/**
 * What the kernels chew on. A pool of packets that is far larger than any cache stands for the traffic; before each run a
 * small part of it is copied into the buffer that the kernel works on, as the addon copies packets out of the kernel's ring
 * and the decoder writes rows: so the input is warm in the second-level cache, and the flow table is as cold as it really is.
 */
import { randomFillSync } from 'node:crypto';
import { HASH_SEED_WORDS } from '../../agent/flow/hash.ts';
import { privateTableMemory } from '../../agent/meter/table-memory.ts';
import { FRAME_BYTES_MAX, nextRecord, type PacketBatch } from '../../agent/model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../../agent/model/packet-batch-layout.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { decodeEthernet } from '../../agent/packet/decode.ts';
import { MICROSECONDS, ROW_WORDS } from '../../agent/packet/key-row.ts';
import { HEADER_BYTES_MAX, type Popularity, Traffic } from '../traffic.ts';

export interface Population {
  readonly flows: number;
  readonly popularity: Popularity;
  readonly ipv6Percent: number;
}

const SEED = 42;
/** Each flow is met several times in a pool, as far as memory allows. */
const POOL_PACKETS_MIN = 1 << 18;
const POOL_PACKETS_MAX = 1 << 21;
/** As in replay. */
export const BATCH_BYTES = 2 * FRAME_BYTES_MAX;
/** On the boundary of a window. */
const START_SECONDS = 1_700_000_040;

export const hashSeed = randomFillSync(new Int32Array(HASH_SEED_WORDS));
/** Page-aligned, as in production. */
export const allocate = privateTableMemory(loadCaptureAddon());

export function createTraffic({ flows, popularity, ipv6Percent }: Population): Traffic {
  return new Traffic({ flows, popularity, ipv6Percent, sizes: '64', seed: SEED });
}

function poolPackets(flows: number): number {
  return Math.min(Math.max(4 * flows, POOL_PACKETS_MIN), POOL_PACKETS_MAX);
}

/** Batches of packets, one after the other, round and round. */
export class BatchFeed {
  readonly batch: PacketBatch;
  /** Of all batches. */
  readonly batches: number;
  readonly packetsPerBatch: number;
  readonly #bytes: Uint8Array;
  readonly #pool: Uint8Array;
  readonly #batchBytes: number;
  #next = 0;
  #nanoseconds = 0;

  /** @param buffer where the batch lies, as in replay; a buffer of its own when absent */
  constructor(population: Population, buffer = new Uint8Array(BATCH_BYTES)) {
    const traffic = createTraffic(population);
    this.batch = { view: new DataView(buffer.buffer, buffer.byteOffset, BATCH_BYTES), count: 0 };
    this.#bytes = buffer;
    this.#batchBytes = BATCH_BYTES - FRAME_BYTES_MAX;
    const recordBytesMax = nextRecord(0, HEADER_BYTES_MAX);
    this.packetsPerBatch = Math.floor(this.#batchBytes / recordBytesMax);
    this.batches = Math.ceil(poolPackets(population.flows) / this.packetsPerBatch);
    this.#pool = new Uint8Array(this.batches * this.#batchBytes);
    const view = new DataView(this.#pool.buffer);
    for (let batch = 0; batch < this.batches; batch++) {
      let at = batch * this.#batchBytes;
      for (let packet = 0; packet < this.packetsPerBatch; packet++) at = writePacket(traffic, view, at);
    }
  }

  /** Puts the next batch in place; time continues. */
  load(): void {
    const at = this.#next * this.#batchBytes;
    this.#bytes.set(this.#pool.subarray(at, at + this.#batchBytes));
    this.#next = (this.#next + 1) % this.batches;
    const view = this.batch.view;
    let record = 0;
    for (let packet = 0; packet < this.packetsPerBatch; packet++) {
      this.#nanoseconds = (this.#nanoseconds + 1) % 1_000_000_000;
      view.setUint32(record + NANOSECONDS, this.#nanoseconds, true);
      record = nextRecord(record, view.getUint32(record + CAPTURED_LENGTH, true));
    }
    this.batch.count = this.packetsPerBatch;
  }
}

function writePacket(traffic: Traffic, view: DataView, at: number): number {
  const flow = traffic.nextFlow();
  const wire = traffic.nextWireLength(flow);
  traffic.writeHeaders(flow, wire, view, at + RECORD_HEADER_BYTES);
  view.setFloat64(at + SECONDS, START_SECONDS, true);
  view.setUint32(at + CAPTURED_LENGTH, Math.min(wire, HEADER_BYTES_MAX), true);
  view.setUint32(at + WIRE_LENGTH, wire, true);
  return nextRecord(at, Math.min(wire, HEADER_BYTES_MAX));
}

/** The meter's groups. */
export const GROUP = 128;
const GROUPS = 8;
/** Rows in place at once: they fit the second-level cache, and are enough for the clock. */
export const ROWS = GROUP * GROUPS;

/** Rows as the decoder leaves them, in groups, round and round. */
export class RowFeed {
  readonly rows = new Int32Array(ROWS * ROW_WORDS);
  /** Word offsets of the rows of each group. */
  readonly groups: readonly Int32Array[] = Array.from({ length: GROUPS }, (_, group) =>
    Int32Array.from({ length: GROUP }, (_row, member) => (group * GROUP + member) * ROW_WORDS),
  );
  /** Loads that show the whole pool once. */
  readonly loads: number;
  readonly #pool: Int32Array;
  #next = 0;
  #microseconds = 0;

  /** @param flowOf the flow of the pool's n-th row */
  constructor(traffic: Traffic, packets: number, flowOf: (packet: number) => number) {
    this.loads = Math.ceil(packets / ROWS);
    this.#pool = new Int32Array(this.loads * ROWS * ROW_WORDS);
    const frame = new DataView(new ArrayBuffer(HEADER_BYTES_MAX));
    for (let packet = 0; packet < this.loads * ROWS; packet++) {
      const flow = flowOf(packet);
      const wire = traffic.nextWireLength(flow);
      traffic.writeHeaders(flow, wire, frame, 0);
      decodeEthernet(frame, 0, HEADER_BYTES_MAX, wire, this.#pool, packet * ROW_WORDS);
    }
  }

  static of(population: Population): RowFeed {
    const traffic = createTraffic(population);
    return new RowFeed(traffic, poolPackets(population.flows), () => traffic.nextFlow());
  }

  /** Puts the next rows in place; time continues, so that every packet moves its flow's end. */
  load(): void {
    const at = this.#next * ROWS * ROW_WORDS;
    this.rows.set(this.#pool.subarray(at, at + ROWS * ROW_WORDS));
    this.#next = (this.#next + 1) % this.loads;
    for (let row = 0; row < ROWS; row++) {
      this.#microseconds = (this.#microseconds + 1) & 0x03ff_ffff;
      this.rows[row * ROW_WORDS + MICROSECONDS] = this.#microseconds;
    }
  }
}
