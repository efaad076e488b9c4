/** Entry of the data-plane thread: libpcap through the addon, and nothing else in this thread's way. */
import { parentPort, workerData } from 'node:worker_threads';
import { createLibpcapEngine } from '../capture/libpcap/libpcap.ts';
import { OperationalError } from '../model/operational-error.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { type DataPlaneMessage, type DataPlanePorts, type DataPlaneSetup, dataPlane } from './data-plane.ts';

const { setup, ports } = workerData as { setup: DataPlaneSetup; ports: DataPlanePorts };
const tell = (message: DataPlaneMessage) => parentPort!.postMessage(message);

try {
  const addon = loadCaptureAddon();
  await dataPlane(setup, createLibpcapEngine(addon), addon, ports, tell);
} catch (error) {
  if (!(error instanceof OperationalError)) throw error;
  tell({ kind: 'failed', code: error.code, message: error.message });
} finally {
  ports.recorder.close();
  ports.requests.close();
}
