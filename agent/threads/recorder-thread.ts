/** Entry of the recorder thread: the addon only to map the tables, the spool's folder to write to. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { loadCaptureAddon } from '../capture/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { type RecorderSetup, recordWindows } from './recorder.ts';

const { setup, windows } = workerData as { setup: RecorderSetup; windows: MessagePort };
await recordWindows(setup, nodeDisk, loadCaptureAddon(), windows, (message) => parentPort!.postMessage(message));
