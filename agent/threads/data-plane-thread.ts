/** Entry of the data-plane thread: the engine, and nothing else in this thread's way. */
import { parentPort, workerData } from 'node:worker_threads';
import { type LiveEngineName, liveEngine } from '../capture/engines.ts';
import { OperationalError } from '../model/operational-error.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { type DataPlaneMessage, type DataPlanePorts, type DataPlaneSetup, dataPlane } from './data-plane.ts';

interface ThreadData {
  readonly engine: LiveEngineName;
  readonly setup: DataPlaneSetup;
  readonly ports: DataPlanePorts;
}

async function run({ engine, setup, ports }: ThreadData, emit: (message: DataPlaneMessage) => void): Promise<void> {
  try {
    await dataPlane(setup, await liveEngine(engine).create(), loadCaptureAddon(), ports, emit);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    emit({ kind: 'failed', code: error.code, message: error.message });
  } finally {
    ports.recorder.close();
    ports.requests.close();
  }
}

void run(workerData as ThreadData, (message) => parentPort!.postMessage(message));
