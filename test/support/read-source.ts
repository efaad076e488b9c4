import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperationalError } from '../../agent/model/operational-error.ts';
import { createPacketBatch } from '../../agent/model/packet-batch.ts';
import { type PacketSource, READ, type SavefileEngine } from '../../agent/model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../../agent/native/addon.ts';
import { packetsOf, type ReadPacket, SMALLEST_BATCH_BYTES } from './packet-batch.ts';

/** What a savefile gave: its packets, and how it ended. */
export interface ReadFile {
  readonly linkType: number;
  readonly packets: ReadPacket[];
  /** Of each packet. */
  readonly linkTypes: number[];
  readonly failure: OperationalError | undefined;
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
