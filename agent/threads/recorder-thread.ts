/** Entry of the recorder thread: the addon only to map the tables, the spool's folder to write to. */
import { randomInt } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { InterfaceAddresses } from '../annotation/direction.ts';
import { loadCaptureAddon } from '../capture/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { createAnnotators } from './annotators.ts';
import { type RecorderSetup, recordWindows } from './recorder.ts';

const { setup, windows } = workerData as { setup: RecorderSetup; windows: MessagePort };
const annotatorsOf = createAnnotators({
  regions: setup.regions,
  interfaces: hostAddresses,
  seed: () => randomInt(2 ** 32),
});
const tell = (message: unknown) => parentPort!.postMessage(message);
await recordWindows(setup, nodeDisk, loadCaptureAddon(), windows, tell, annotatorsOf);

/** None where the service may not ask the kernel for them (AF_NETLINK): directions are then unknown. */
function hostAddresses(): InterfaceAddresses[] {
  try {
    return Object.entries(networkInterfaces()).map(([name, infos = []]) => ({
      name,
      addresses: infos.map(({ cidr, address }) => cidr ?? address),
    }));
  } catch {
    return [];
  }
}
