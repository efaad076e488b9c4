/**
 * Keeps what a live engine captures in a file beside metering it: classic pcap, microseconds, which every tool reads. One
 * write a batch, and no copy but into that write. The file never grows beyond its limit: the packet that does not fit, and
 * all after it, are left out and counted, so that the file is a whole beginning of the capture.
 *
 * A write that fails ends the writing and nothing else: the records matter more.
 */
import { closeSync, writeSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import { nextRecord, type PacketBatch } from '../model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../model/packet-batch-layout.ts';
import { type LiveEngine, type PacketSource, READ, type ReadStatus } from '../model/packet-source.ts';
import { openOutputFile } from './output-file.ts';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
/** Packets have contents: for their owner alone. */
const FILE_MODE = 0o600;

/** What is asked for; it crosses to the data plane's thread, and `shared` is how it tells of itself. */
export interface RecordingSetup {
  readonly path: string;
  readonly bytesMax: number;
  readonly snapBytes: number;
  readonly shared: SharedArrayBuffer;
}

/** How far a recording is: written by the thread that captures, read by any. */
export class RecordingProgress {
  readonly shared: SharedArrayBuffer;
  readonly #words: Float64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(4 * 8)) {
    this.shared = shared;
    this.#words = new Float64Array(shared);
  }

  get packets(): number {
    return this.#words[0]!;
  }

  get bytes(): number {
    return this.#words[1]!;
  }

  /** Packets that the file had no room for. */
  get leftOut(): number {
    return this.#words[2]!;
  }

  /** The errno (negative, as libuv has it) of the write that failed, or 0. */
  get failure(): number {
    return this.#words[3]!;
  }

  /** Answers the progress for `packets` more of `bytes` more, and so on: all of it is counted up. */
  count(packets: number, bytes: number, leftOut: number): void {
    this.#words[0]! += packets;
    this.#words[1]! += bytes;
    this.#words[2]! += leftOut;
  }

  fail(error: number): void {
    this.#words[3] = error;
  }
}

class PcapFile {
  readonly #setup: RecordingSetup;
  readonly #progress: RecordingProgress;
  #file = -1;
  #linkType = Number.NaN;
  #buffer = Buffer.alloc(0);

  constructor(setup: RecordingSetup) {
    this.#setup = setup;
    this.#progress = new RecordingProgress(setup.shared);
  }

  /** @throws OperationalError `output.failed` */
  begin(source: PacketSource): void {
    const { path } = this.#setup;
    if (this.#file >= 0 && source.linkType !== this.#linkType) {
      throw new OperationalError(
        'output.failed',
        `Writing ${path}: ${source.name} has another link type than the interface before, and a pcap file has only one; ` +
          'write one interface at a time.',
      );
    }
    if (this.#file >= 0) return;
    this.#linkType = source.linkType;
    try {
      this.#file = openOutputFile(path, FILE_MODE);
      writeSync(this.#file, fileHeader(source.linkType, this.#setup.snapBytes));
    } catch (error) {
      throw new OperationalError('output.failed', `Writing ${path} failed: ${(error as Error).message}.`, error);
    }
    this.#progress.count(0, FILE_HEADER_BYTES, 0);
  }

  append(batch: PacketBatch): void {
    const progress = this.#progress;
    if (progress.failure !== 0) return;
    let room = progress.leftOut > 0 ? 0 : this.#setup.bytesMax - progress.bytes;
    if (this.#buffer.length < batch.view.byteLength) this.#buffer = Buffer.alloc(batch.view.byteLength);
    let end = 0;
    let packets = 0;
    for (let at = 0, left = batch.count; left > 0; left--) {
      const captured = batch.view.getUint32(at + CAPTURED_LENGTH, true);
      const bytes = PACKET_HEADER_BYTES + captured;
      if (bytes > room) {
        progress.count(0, 0, left);
        break;
      }
      this.#put(batch.view, at, captured, end);
      room -= bytes;
      end += bytes;
      packets += 1;
      at = nextRecord(at, captured);
    }
    this.#write(end, packets);
  }

  #put(view: DataView, at: number, captured: number, to: number): void {
    const buffer = this.#buffer;
    buffer.writeUInt32LE(view.getFloat64(at + SECONDS, true) >>> 0, to);
    buffer.writeUInt32LE(Math.floor(view.getUint32(at + NANOSECONDS, true) / 1000), to + 4);
    buffer.writeUInt32LE(captured, to + 8);
    buffer.writeUInt32LE(view.getUint32(at + WIRE_LENGTH, true), to + 12);
    const from = view.byteOffset + at + RECORD_HEADER_BYTES;
    buffer.set(new Uint8Array(view.buffer, from, captured), to + PACKET_HEADER_BYTES);
  }

  #write(bytes: number, packets: number): void {
    try {
      for (let at = 0; at < bytes; ) at += writeSync(this.#file, this.#buffer, at, bytes - at);
      this.#progress.count(packets, bytes, 0);
    } catch (error) {
      this.#progress.fail((error as NodeJS.ErrnoException).errno ?? -1);
      closeSync(this.#file);
    }
  }
}

function fileHeader(linkType: number, snapBytes: number): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  header.writeUInt32LE(MAGIC_MICROSECONDS, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapBytes, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

class RecordingSource implements PacketSource {
  readonly inner: PacketSource;
  readonly #file: PcapFile;

  constructor(inner: PacketSource, file: PcapFile) {
    this.inner = inner;
    this.#file = file;
  }

  get name(): string {
    return this.inner.name;
  }

  get linkType(): number {
    return this.inner.linkType;
  }

  get interfaceIndex(): number {
    return this.inner.interfaceIndex ?? 0;
  }

  get isReady(): boolean {
    return this.inner.isReady ?? true;
  }

  get isEnding(): boolean {
    return this.inner.isEnding ?? false;
  }

  get failure(): OperationalError | undefined {
    return this.inner.failure;
  }

  read(batch: PacketBatch): ReadStatus | Promise<ReadStatus> {
    const status = this.inner.read(batch);
    return typeof status === 'number' ? this.#keep(status, batch) : status.then((later) => this.#keep(later, batch));
  }

  stopIntake(): boolean {
    return this.inner.stopIntake?.() ?? false;
  }

  statistics() {
    return this.inner.statistics();
  }

  close(): void {
    this.inner.close();
  }

  #keep(status: ReadStatus, batch: PacketBatch): ReadStatus {
    if (status === READ.packets) this.#file.append(batch);
    return status;
  }
}

/** The same engine, whose sources all write into one file. The file ends with the process. */
export function recordingEngine(engine: LiveEngine, setup: RecordingSetup): LiveEngine {
  const file = new PcapFile(setup);
  return {
    name: engine.name,
    limits: engine.limits,
    holdMs: engine.holdMs,
    open(options) {
      const source = engine.open(options);
      try {
        file.begin(source);
      } catch (error) {
        source.close();
        throw error;
      }
      return new RecordingSource(source, file);
    },
    alsoWaitFor: (fileDescriptor) => engine.alsoWaitFor?.(fileDescriptor),
    ...(engine.followNames && { followNames: engine.followNames.bind(engine) }),
    wait: (sources, timeoutMs) =>
      engine.wait(
        sources.map((source) => (source as RecordingSource).inner),
        timeoutMs,
      ),
  };
}
