/** Kernels of capture: per packet, from a savefile to a batch. The file is in the page cache. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createPacketBatch, FRAME_BYTES_MAX } from '../../agent/model/packet-batch.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { cacheFolder } from '../places.ts';
import { CAPTURES, capture } from '../savefile.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';

const PACKETS = 200_000;
/** As in replay. */
const BATCH_BYTES = 2 * FRAME_BYTES_MAX;
const SNAP_BYTES = 128;

export const CAPTURE_KERNELS: readonly Kernel[] = ['64b-100k-zipf', 'imix-100k-zipf'].map((name) => ({
  name: `read-savefile/${name}`,
  item: 'packet',
  create: () => readKernel(name),
}));

function readKernel(name: string): PreparedKernel {
  const folder = join(cacheFolder(), 'captures');
  mkdirSync(folder, { recursive: true });
  const file = capture(CAPTURES.find((spec) => spec.name === name)!, PACKETS, folder);
  const addon = loadCaptureAddon();
  const batch = createPacketBatch(BATCH_BYTES);
  return {
    items: file.packets,
    bytes: file.fileBytes,
    note: 'libpcap through the addon, opening included',
    run() {
      const handle = addon.openFile(file.path);
      addon.startSavefile(handle, '');
      while (addon.readBatch(handle, batch.view, SNAP_BYTES, 0) > 0);
      addon.close(handle);
    },
  };
}
