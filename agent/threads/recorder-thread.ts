/**
 * Entry of the recorder thread: the addon to map the tables and to ask conntrack, the spool's folder to write to. Connections
 * are followed from the start, windows are taken in once the control plane knows where the spool continues; those that close
 * earlier are pending at the port.
 */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { loadCaptureAddon } from '../native/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { createAnnotators } from './annotators.ts';
import { hostAddresses } from './host-addresses.ts';
import { type RecorderMessage, type RecorderSetup, recordWindows } from './recorder.ts';
import { followTranslations } from './translations.ts';

interface ThreadData {
  readonly setup: RecorderSetup;
  readonly windows: MessagePort;
  /** `LiveRequest` comes in, `LiveStep` goes out. */
  readonly live: MessagePort | undefined;
  /** `FindingRecord[]` comes in. */
  readonly findings: MessagePort | undefined;
}

async function run({ setup, windows, live, findings }: ThreadData, parent: MessagePort): Promise<void> {
  const addon = loadCaptureAddon();
  const translations = followTranslations(setup.points, addon);
  const sources = {
    regions: setup.regions,
    interfaces: hostAddresses,
    seed: () => randomInt(2 ** 32),
    translations: translations?.annotator,
  };
  const emit = (message: RecorderMessage) => {
    const status = { ...message.status, translations: translations?.numbers() };
    parent.postMessage({ ...message, status } satisfies RecorderMessage);
  };
  const [nextSequence] = (await once(parent, 'message')) as [number | undefined];
  if (nextSequence !== undefined)
    await recordWindows(
      { ...setup, nextSequence },
      nodeDisk,
      addon,
      windows,
      emit,
      createAnnotators(sources),
      live,
      // Rules ask who began a conversation, whether or not the flow log records it.
      createAnnotators(sources, ['conversation']),
      findings,
    );
  live?.close();
  findings?.close();
  translations?.close();
}

void run(workerData as ThreadData, parentPort!);
