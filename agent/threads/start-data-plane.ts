import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type LiveEngineName, liveEngine } from '../capture/engines.ts';
import { Control } from '../meter/control.ts';
import type { TapEvent } from '../meter/tap-event.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { LinkNews } from '../model/link-changes.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { RingChange } from '../model/ring-change.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { type DataPlaneMessage, type DataPlanePorts, type DataPlaneSetup, dataPlane } from './data-plane.ts';
import { TapRequests } from './tap-requests.ts';
import { WakeEvent } from './waking.ts';

/** The data plane, seen from the control plane. */
export interface RunningDataPlane {
  readonly control: Control;
  /** The recorder's end of the channel: `ClosedWindowMessage` comes in, `ReleaseMessage` goes out. */
  readonly windows: MessagePort;
  /** Every interface is capturing, or waited for; what cannot be done, a sentence each. @throws OperationalError when one cannot be opened */
  readonly ready: Promise<readonly string[]>;
  /** It ended, by request or by a failure. */
  readonly ended: Promise<void>;
  /** What else it is to observe, and what no longer. */
  readonly taps: TapRequests;
}

/** Interfaces came; others went without ever being captured. */
export type OnLinks = (news: LinkNews) => void;
export type OnTapEvent = (point: ObservationPoint, event: TapEvent) => void;
export type OnRing = (change: RingChange) => void;

/** Starts the data plane in a thread of its own, or on this one for an engine that cannot run in another. */
export function startDataPlane(
  setup: Omit<DataPlaneSetup, 'control' | 'wake'>,
  engine: LiveEngineName,
  onEvent: OnTapEvent,
  onRing: OnRing = () => undefined,
  onLinks: OnLinks = () => undefined,
): RunningDataPlane {
  const wake = new WakeEvent(loadCaptureAddon().openEvent());
  const control = new Control(undefined, () => wake.raise());
  const windows = new MessageChannel();
  const requests = new MessageChannel();
  const taps = new TapRequests(requests.port2, wake);
  const ports = { recorder: windows.port1, requests: requests.port1 };
  const run = RUN_ON[liveEngine(engine).thread];
  const running = run(engine, { ...setup, control: control.shared, wake: wake.descriptor }, ports, {
    onEvent,
    onRing,
    onLinks,
    onAnswer: (answer) => taps.answered(answer),
  });
  const left = () => taps.close();
  running.ended.then(left, left);
  return { control, windows: windows.port2, taps, ...running };
}

interface Listeners {
  readonly onEvent: OnTapEvent;
  readonly onRing: OnRing;
  readonly onLinks: OnLinks;
  readonly onAnswer: (answer: Extract<DataPlaneMessage, { kind: 'answered' }>) => void;
}

const RUN_ON = { worker: runInWorker, main: runOnThisThread } as const;

function runInWorker(engine: LiveEngineName, setup: DataPlaneSetup, ports: DataPlanePorts, listeners: Listeners) {
  const worker = new Worker(new URL('./data-plane-thread.js', import.meta.url), {
    workerData: { engine, setup, ports },
    transferList: [ports.recorder, ports.requests],
    name: 'data-plane',
    // The tables' descriptors are opened by the addon, of which the thread's book-keeping knows nothing.
    trackUnmanagedFds: false,
  });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
  const ready = new Promise<readonly string[]>((resolve, reject) => {
    worker.on('message', (message: DataPlaneMessage) => take(message, resolve, reject, listeners));
    ended.then(() => reject(new Error('the data plane ended before it was ready')), reject);
  });
  return { ready, ended };
}

function runOnThisThread(engine: LiveEngineName, setup: DataPlaneSetup, ports: DataPlanePorts, listeners: Listeners) {
  let ended: Promise<void> = Promise.resolve();
  const ready = new Promise<readonly string[]>((resolve, reject) => {
    const emit = (message: DataPlaneMessage) => take(message, resolve, reject, listeners);
    ended = liveEngine(engine)
      .create()
      .then((created) => dataPlane(setup, created, loadCaptureAddon(), ports, emit));
    ended.catch(reject);
  });
  return { ready, ended: ended.finally(() => ports.recorder.close()) };
}

function take(
  message: DataPlaneMessage,
  ready: (limits: readonly string[]) => void,
  failed: (error: Error) => void,
  { onEvent, onRing, onAnswer, onLinks }: Listeners,
): void {
  if (message.kind === 'ready') ready(message.limits);
  else if (message.kind === 'failed') failed(new OperationalError(message.code, message.message));
  else if (message.kind === 'answered') onAnswer(message);
  else if (message.kind === 'ring') onRing(message.change);
  else if (message.kind === 'links') onLinks(message);
  else onEvent(message.point, message.event);
}
