/** Kernels of capture: per packet, from a savefile to a batch. The file is in the page cache. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadCaptureAddon } from '../../agent/capture/addon.ts';
import { createLibpcapSavefileEngine } from '../../agent/capture/libpcap.ts';
import { createPacketBatch, FRAME_BYTES_MAX } from '../../agent/model/packet-batch.ts';
import { type PacketSource, READ } from '../../agent/model/packet-source.ts';
import { cacheFolder } from '../places.ts';
import { CAPTURES, capture } from '../savefile.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';

const PACKETS = 200_000;
/** As in replay. */
const BATCH_BYTES = 2 * FRAME_BYTES_MAX;

export const CAPTURE_KERNELS: readonly Kernel[] = ['64b-100k-zipf', 'imix-100k-zipf'].map((name) => ({
  name: `read-savefile/${name}`,
  item: 'packet',
  create: () => readKernel(name),
}));

function readKernel(name: string): PreparedKernel {
  const folder = join(cacheFolder(), 'captures');
  mkdirSync(folder, { recursive: true });
  const file = capture(CAPTURES.find((spec) => spec.name === name)!, PACKETS, folder);
  const engine = createLibpcapSavefileEngine(loadCaptureAddon());
  const batch = createPacketBatch(BATCH_BYTES);
  return {
    items: file.packets,
    bytes: file.fileBytes,
    note: 'libpcap engine, opening included',
    run() {
      const source = engine.open({ path: file.path, filter: '' }) as PacketSource;
      while (source.read(batch) === READ.packets);
      source.close();
    },
  };
}
