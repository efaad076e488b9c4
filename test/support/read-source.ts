import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperationalError } from '../../agent/model/operational-error.ts';
import {
  CAPTURED_LENGTH,
  createPacketBatch,
  FRAME_BYTES_MAX,
  NANOSECONDS,
  nextRecord,
  type PacketBatch,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../../agent/model/packet-batch.ts';
import { type PacketSource, READ, type SavefileEngine } from '../../agent/model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../../agent/native/addon.ts';

/** A packet as a batch holds it, for comparing. */
export interface ReadPacket {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly wireLength: number;
  readonly bytes: Uint8Array;
}

/** What a savefile gave: its packets, and how it ended. */
export interface ReadFile {
  readonly linkType: number;
  readonly packets: ReadPacket[];
  /** Of each packet. */
  readonly linkTypes: number[];
  readonly failure: OperationalError | undefined;
}

/** The smallest batch there may be: most room for mistakes at its end. */
export const SMALLEST_BATCH_BYTES = FRAME_BYTES_MAX + RECORD_HEADER_BYTES;

export function packetsOf(batch: PacketBatch): ReadPacket[] {
  const packets: ReadPacket[] = [];
  const { view } = batch;
  let at = 0;
  for (let i = 0; i < batch.count; i++) {
    const captured = view.getUint32(at + CAPTURED_LENGTH, true);
    const from = view.byteOffset + at + RECORD_HEADER_BYTES;
    packets.push({
      seconds: view.getFloat64(at + SECONDS, true),
      nanoseconds: view.getUint32(at + NANOSECONDS, true),
      wireLength: view.getUint32(at + WIRE_LENGTH, true),
      bytes: new Uint8Array(view.buffer.slice(from, from + captured)),
    });
    at = nextRecord(at, captured);
  }
  if (at > view.byteLength + 7) throw new Error('the records do not fit their batch');
  return packets;
}

/** Reads a source until it ends or fails, and closes it. */
export async function readToEnd(source: PacketSource, batchBytes = SMALLEST_BATCH_BYTES): Promise<ReadFile> {
  const batch = createPacketBatch(batchBytes);
  const packets: ReadPacket[] = [];
  let status = await source.read(batch);
  const linkTypes: number[] = [];
  for (; status === READ.packets; status = await source.read(batch)) {
    packets.push(...packetsOf(batch));
    for (let i = 0; i < batch.count; i++) linkTypes.push(source.linkType);
  }
  source.close();
  const failure = status === READ.failed ? source.failure : undefined;
  return { linkType: source.linkType, packets, linkTypes, failure };
}

/** A savefile in libpcap's hands, below the engine. */
export function openWithLibpcap(addon: CaptureAddon, path: string): CaptureHandle {
  const handle = addon.openFile(path);
  addon.startSavefile(handle, '');
  return handle;
}

/** Opens a savefile and reads it to its end; refusals to open it are thrown. */
export async function readSavefile(engine: SavefileEngine, path: string, filter = ''): Promise<ReadFile> {
  return readToEnd(await engine.open({ path, filter }));
}

/** Accepts everything; with a filter the libpcap engine leaves pcapng to libpcap, which is what to compare our reader with. */
export const ANY_PACKET = 'greater 0';

/** Packets as one line each: comparing thousands of byte arrays with `toEqual` takes minutes. */
export function packetLines(packets: readonly ReadPacket[]): string[] {
  return packets.map(({ seconds, nanoseconds, wireLength, bytes }) => {
    const content =
      bytes.length > 64 ? createHash('sha1').update(bytes).digest('hex') : Buffer.from(bytes).toString('hex');
    return `${seconds} s ${nanoseconds} ns, ${bytes.length} of ${wireLength} bytes: ${content}`;
  });
}

/** A folder of its own for a test file's capture files. */
export class CaptureFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'flowlogd-capture-'));
  #files = 0;

  /** Writes a file and answers its path. */
  write(bytes: Uint8Array): string {
    const path = join(this.path, `${this.#files++}.pcap`);
    writeFileSync(path, bytes);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}
