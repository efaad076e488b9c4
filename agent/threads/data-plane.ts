/**
 * The data plane put together: engine, taps, tables, and the port to the recorder. Runs in a worker thread (see
 * data-plane-thread.ts), or on the main thread for an engine that knows no other.
 */
import { uptime } from 'node:os';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type RecordingSetup, recordingEngine } from '../capture/recording.ts';
import type { Window } from '../flow/window.ts';
import { Control } from '../meter/control.ts';
import { runDataPlane } from '../meter/data-plane.ts';
import { type PageMapper, sharedTableMemory } from '../meter/table-memory.ts';
import { Tap, type TapEvent } from '../meter/tap.ts';
import { type KeepSetup, WindowKeeper } from '../meter/window-keeper.ts';
import type { ClosedWindow, ClosedWindowMessage, KeptFiles, ReleaseMessage } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { ErrorCode } from '../model/operational-error.ts';
import { createPacketBatch, FRAME_BYTES_MAX } from '../model/packet-batch.ts';
import type { LiveEngine, LiveOptions } from '../model/packet-source.ts';
import { Exclusion, type ExclusionPolicy } from '../packet/exclusion.ts';

/** Room for some six thousand small packets beside the longest frame. */
const BATCH_BYTES = 4 * FRAME_BYTES_MAX;
/** Windows open at once: the present one, the one in its grace, and room for a clock that was set. */
const OPEN_WINDOWS_MAX = 4;

/** Everything that the data plane is told; it crosses to its thread as a structured clone. */
export interface DataPlaneSetup {
  readonly taps: readonly { readonly point: ObservationPoint; readonly capture: LiveOptions }[];
  readonly exclusion: ExclusionPolicy;
  /** By window and address family. */
  readonly flowsMax: number;
  readonly hashSeed: Int32Array;
  readonly control: SharedArrayBuffer;
  /** Where open windows are kept on disk; without it they live in memory alone. */
  readonly keep?: KeepSetup | undefined;
  /** Where packets are written as they come, too. */
  readonly recording?: RecordingSetup | undefined;
}

/** What the data plane tells the control plane. */
export type DataPlaneMessage =
  /** Every interface is capturing; `limits` is what the engine cannot do. */
  | { readonly kind: 'ready'; readonly limits: readonly string[] }
  | { readonly kind: 'event'; readonly point: ObservationPoint; readonly event: TapEvent }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/** Ends when a stop is requested, with every window handed over. @throws OperationalError when an interface cannot be opened */
export async function dataPlane(
  setup: DataPlaneSetup,
  bareEngine: LiveEngine,
  mapper: PageMapper,
  recorder: MessagePort,
  tell: (message: DataPlaneMessage) => void,
): Promise<void> {
  const engine = setup.recording === undefined ? bareEngine : recordingEngine(bareEngine, setup.recording);
  const handedOver = new Map<number, { readonly point: ObservationPoint; readonly window: Window }>();
  let lastId = 0;
  const taps = createTaps(setup, engine, mapper, tell, (point, window, files) => {
    handedOver.set(++lastId, { point, window });
    send(recorder, { kind: 'closed', window: describe(lastId, point, window, files) });
  });
  const release = () => {
    for (let got = receiveMessageOnPort(recorder); got !== undefined; got = receiveMessageOnPort(recorder)) {
      const { id } = got.message as ReleaseMessage;
      const released = handedOver.get(id);
      if (released !== undefined) taps.find(({ point }) => point === released.point)?.released(released.window);
      handedOver.delete(id);
    }
  };
  try {
    for (const tap of taps) tap.attach();
    tell({ kind: 'ready', limits: engine.limits });
    const control = new Control(setup.control);
    await runDataPlane({ engine, taps, batch: createPacketBatch(BATCH_BYTES), control, onRound: release });
  } catch (error) {
    for (const tap of taps) tap.end();
    throw error;
  } finally {
    send(recorder, { kind: 'end' });
  }
}

function createTaps(
  setup: DataPlaneSetup,
  engine: LiveEngine,
  mapper: PageMapper,
  tell: (message: DataPlaneMessage) => void,
  onClosed: (point: ObservationPoint, window: Window, files: KeptFiles | undefined) => void,
): Tap[] {
  const exclusion = new Exclusion(setup.exclusion);
  const fallback = sharedTableMemory(mapper);
  const meter = {
    exclusion,
    hashSeed: setup.hashSeed,
    allocate: fallback,
    flowsMax: setup.flowsMax,
    windowsMax: OPEN_WINDOWS_MAX,
    tableBytesMax: Number.POSITIVE_INFINITY,
  };
  const { ruleNames } = exclusion;
  const keeperOf = (point: ObservationPoint) =>
    setup.keep &&
    new WindowKeeper({
      setup: setup.keep,
      point,
      ruleNames,
      mapper,
      fallback,
      onEvent: (event) => tell({ kind: 'event', point, event }),
    });
  return setup.taps.map(
    ({ point, capture }) =>
      new Tap({
        point,
        capture,
        engine,
        meter,
        keeper: keeperOf(point),
        now: Date.now,
        clocks: () => ({ wallMs: Date.now(), awakeMs: performance.now(), bootMs: uptime() * 1000 }),
        onClosed,
        onEvent: (at, event) => tell({ kind: 'event', point: at, event }),
      }),
  );
}

function describe(id: number, point: ObservationPoint, window: Window, files: KeptFiles | undefined): ClosedWindow {
  const tables = window.tables.map(({ family, table }) => {
    const { fileDescriptor, buffer } = table.memory;
    return { family, fileDescriptor, bytes: buffer.byteLength, copy: fileDescriptor < 0 ? table.words : undefined };
  });
  const { start: windowStart, piece, flows, ledger } = window;
  return { id, point, windowStart, piece, flows, ledger, tables, files };
}

function send(recorder: MessagePort, message: ClosedWindowMessage): void {
  recorder.postMessage(message);
}
