import { randomFillSync } from 'node:crypto';
import { HASH_SEED_WORDS } from '../flow/hash.ts';
import type { ClosedWindow, ClosedWindowMessage } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { OutputWindow } from '../model/window-output.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { ReceivedWindow } from '../threads/mapped-window.ts';
import type { RunningDataPlane } from '../threads/start-data-plane.ts';

export interface WindowReader {
  window(point: ObservationPoint, window: OutputWindow): void | Promise<void>;
  /** Every interface has closed this window. */
  refresh(): void | Promise<void>;
}

/**
 * Reads every window as it is closed, one after the other, and gives its memory back; ends with the last one, or at once where
 * the reader fails.
 */
export async function readWindows(plane: RunningDataPlane, points: number, reader: WindowReader): Promise<void> {
  const addon = loadCaptureAddon();
  const seed = randomFillSync(new Int32Array(HASH_SEED_WORDS));
  const closedBy = new Map<number, number>();
  const read = async (closed: ClosedWindow) => {
    const received = new ReceivedWindow(closed, addon, seed);
    received.map();
    const { point, windowStart, ledger } = closed;
    await reader.window(point, { start: windowStart, ledger, records: () => received.records() });
    received.release();
    plane.windows.postMessage({ id: closed.id });
    const count = (closedBy.get(closed.windowStart) ?? 0) + 1;
    closedBy.set(closed.windowStart, count);
    if (count < points) return;
    closedBy.delete(closed.windowStart);
    await reader.refresh();
  };
  let last = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    plane.windows.on('message', (message: ClosedWindowMessage) => {
      if (message.kind === 'end') return resolve();
      last = last.then(() => read(message.window));
      last.catch(reject);
    });
    plane.windows.once('close', resolve);
  });
  await last;
  plane.windows.close();
}
