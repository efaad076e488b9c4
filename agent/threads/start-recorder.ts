import { type MessagePort, Worker } from 'node:worker_threads';
import type { RecorderMessage, RecorderSetup } from './recorder.ts';

/**
 * Starts the recorder in a thread of its own.
 *
 * @param windows the port on which the data plane hands over closed windows (`RunningDataPlane.windows`); it moves there.
 * @param nextSequence of the spool (`Spool.nextSequence`): until then windows are pending; undefined ends the recorder without one.
 * @param onMessage takes `durable` files into the spool's index (`Spool.adopt`), and the rest to where people look.
 * @param live the recorder's end of the live feed; it moves there, too.
 * @param findings where findings come that are to go to the sinks; likewise.
 * @returns a promise that it ended, after the data plane and the message `ended`; it is rejected when it failed.
 */
export function startRecorder(
  setup: RecorderSetup,
  windows: MessagePort,
  nextSequence: Promise<number | undefined>,
  onMessage: (message: RecorderMessage) => void,
  live?: MessagePort,
  findings?: MessagePort,
): Promise<void> {
  const worker = new Worker(new URL('./recorder-thread.js', import.meta.url), {
    workerData: { setup, windows, live, findings },
    transferList: [windows, live, findings].filter((port) => port !== undefined),
    name: 'recorder',
    // Sockets of conntrack are opened by the addon, of which the thread's book-keeping knows nothing.
    trackUnmanagedFds: false,
  });
  worker.on('message', onMessage);
  return new Promise((resolve, reject) => {
    nextSequence.then((sequence) => worker.postMessage(sequence), reject);
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}
