/** Opens `far0` in this worker and reads on and on without ever closing; posts `open`, then the packets of each batch. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { loadCaptureAddon } from '../../dist/modules/agent/native/addon.js';

const addon = loadCaptureAddon();

/** One capture and one table, as a data plane has them. */
export function openCapture() {
  const handle = addon.openLive({
    device: 'far0',
    snapBytes: 128,
    bufferBytes: 1 << 20,
    timeoutMs: 100,
    immediate: false,
    promiscuous: true,
    filter: 'udp',
    dataLink: -1,
  });
  const batch = new DataView(new ArrayBuffer(1 << 20));
  const table = new Uint8Array(addon.map(-1, 1 << 20));
  table.fill(1);
  return {
    read: (timeoutMs) => addon.readBatch(handle, batch, 128, timeoutMs),
    wait: () => addon.wait([handle], 500, new Uint8Array(1)),
    table,
  };
}

if (!isMainThread) {
  const capture = openCapture();
  parentPort.postMessage('open');
  for (;;) {
    capture.wait();
    const count = capture.read(500);
    if (count > 0) parentPort.postMessage(count);
  }
}
