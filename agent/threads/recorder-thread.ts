/** Entry of the recorder thread: the addon to map the tables and to ask conntrack, the spool's folder to write to. */
import { randomInt } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { InterfaceAddresses } from '../annotation/direction.ts';
import { loadCaptureAddon } from '../capture/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { createAnnotators } from './annotators.ts';
import { type RecorderMessage, type RecorderSetup, recordWindows } from './recorder.ts';
import { followTranslations } from './translations.ts';

const { setup, windows } = workerData as { setup: RecorderSetup; windows: MessagePort };
const addon = loadCaptureAddon();
const translations = followTranslations(setup.points, addon);
const annotatorsOf = createAnnotators({
  regions: setup.regions,
  interfaces: hostAddresses,
  seed: () => randomInt(2 ** 32),
  translations: translations?.annotator,
});
const tell = (message: RecorderMessage) => {
  const status = { ...message.status, translations: translations?.numbers() };
  parentPort!.postMessage({ ...message, status } satisfies RecorderMessage);
};
await recordWindows(setup, nodeDisk, addon, windows, tell, annotatorsOf);
translations?.close();

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
