/**
 * The data plane put together: engine, taps, the port to the recorder and the one from the control plane. Runs in a worker
 * thread (see data-plane-thread.ts), or on the main thread for an engine that knows no other.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { boundedEngine } from '../capture/bounded-engine.ts';
import { type RecordingSetup, recordingEngine } from '../capture/recording.ts';
import { loadKernel } from '../kernel/kernel.ts';
import { Control } from '../meter/control.ts';
import { runDataPlane } from '../meter/data-plane.ts';
import { SLICE_MS } from '../meter/sweeps.ts';
import type { PageMapper } from '../meter/table-memory.ts';
import type { TapEvent } from '../meter/tap-event.ts';
import type { PersistOptions } from '../meter/window-journal.ts';
import type { ClosedWindowMessage, ReleaseMessage } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { LinkChanges, LinkNews } from '../model/link-changes.ts';
import { type ErrorCode, OperationalError } from '../model/operational-error.ts';
import { createPacketBatch, FRAME_BYTES_MAX, type PacketBatch } from '../model/packet-batch.ts';
import type { LiveEngine } from '../model/packet-source.ts';
import type { RingChange } from '../model/ring-change.ts';
import type { CaptureAddon, NetlinkAddon } from '../native/addon.ts';
import type { ExclusionPolicy } from '../packet/exclusion.ts';
import { TapManager, type TapSetup } from './tap-manager.ts';
import { LinkEvents, WakeEvent } from './waking.ts';

/** Room for some six thousand small packets beside the longest frame. */
const BATCH_BYTES = 4 * FRAME_BYTES_MAX;

/** Everything that the data plane is given; it crosses to its thread as a structured clone. */
export interface DataPlaneSetup {
  readonly taps: readonly TapSetup[];
  readonly exclusion: ExclusionPolicy;
  /** By window and address family. */
  readonly flowsMax: number;
  readonly hashSeed: Int32Array;
  readonly control: SharedArrayBuffer;
  /** Over the packet rings of all interfaces. */
  readonly ringBytesMax: number;
  /** Where open windows are kept on disk; without it they live in memory only. */
  readonly persist?: PersistOptions | undefined;
  /** Whether interfaces that cannot be captured now are waited for; else one of them ends it all. */
  readonly waits?: boolean | undefined;
  /** An eventfd(2) that is raised with each request. */
  readonly wake: number;
  /** Whether interfaces that come and go are reported. */
  readonly followsLinks?: boolean | undefined;
  /** Whether TypeScript meters, also where WebAssembly can run. */
  readonly noWasm?: boolean | undefined;
  /** Where packets are written as they come, too. */
  readonly recording?: RecordingSetup | undefined;
}

/** The data plane's ends of its channels. */
export interface DataPlanePorts {
  /** `ClosedWindowMessage` goes out, `ReleaseMessage` comes in. */
  readonly recorder: MessagePort;
  /** `TapRequest` comes in; each is answered by a message `answered`. */
  readonly requests: MessagePort;
}

/** What the control plane asks for while the data plane runs; carried out between two rounds. */
export type TapRequest = { readonly id: number } & (
  | { readonly kind: 'observe'; readonly tap: TapSetup }
  /** The same point with another window: it continues without a packet lost. */
  | { readonly kind: 'change'; readonly tap: TapSetup }
  /** The windows of the point are handed over before the answer. */
  | { readonly kind: 'leave'; readonly point: ObservationPoint }
);

/** What the data plane tells the control plane. */
export type DataPlaneMessage =
  /** Every interface is capturing, or waited for; `limits` is what the engine cannot do. */
  | { readonly kind: 'ready'; readonly limits: readonly string[] }
  | { readonly kind: 'ring'; readonly change: RingChange }
  | { readonly kind: 'event'; readonly point: ObservationPoint; readonly event: TapEvent }
  /** Interfaces came or went; once at the start with none of either, where the kernel tells of them. */
  | ({ readonly kind: 'links' } & LinkNews)
  | { readonly kind: 'answered'; readonly id: number; readonly refusal: Failure | undefined }
  | ({ readonly kind: 'failed' } & Failure);

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

const NO_NEWS: LinkNews = { appeared: [], missed: [], hasVanished: false };

/** Ends when a stop is requested, with every window handed over. @throws OperationalError when an interface cannot be opened */
export async function dataPlane(
  setup: DataPlaneSetup,
  bareEngine: LiveEngine,
  addon: PageMapper & NetlinkAddon & Pick<CaptureAddon, 'hugePageOffset'>,
  { recorder, requests }: DataPlanePorts,
  emit: (message: DataPlaneMessage) => void,
): Promise<void> {
  const { ringBytesMax, recording } = setup;
  const bounded = boundedEngine(bareEngine, { ringBytesMax, onRing: (change) => emit({ kind: 'ring', change }) });
  const engine = recording === undefined ? bounded : recordingEngine(bounded, recording);
  const wake = new WakeEvent(setup.wake);
  engine.alsoWaitFor?.(wake.descriptor);
  const links = setup.followsLinks === true ? new LinkEvents(addon, engine) : undefined;
  const kernel = setup.noWasm === true ? undefined : loadKernel(addon.hugePageOffset);
  const loaded = typeof kernel === 'string' ? undefined : kernel;
  const set = new TapManager({
    ...setup,
    engine,
    mapper: addon,
    kernel: loaded,
    packetsOf: (interfaceName) => links?.packetsOf(interfaceName),
    onClosed: (window) => send(recorder, { kind: 'closed', window }),
    onEvent: (point, event) => emit({ kind: 'event', point, event }),
  });
  const batch = createPacketBatch(BATCH_BYTES, loaded);
  let asked: Asked[] = [];
  const first = new FirstTaps(setup.taps, () => {
    const missing = [links?.limit, typeof kernel === 'string' ? kernel : undefined];
    emit({ kind: 'ready', limits: [...engine.limits, ...missing.filter((limit) => limit !== undefined)] });
  });
  const onRound = async () => {
    wake.clear(addon);
    const changes = links?.read();
    if (changes?.isChanged === true) emitLinks(changes, set, emit);
    for (const { id } of received<ReleaseMessage>(recorder)) set.released(id);
    for (const request of received<TapRequest>(requests)) {
      if (request.kind === 'leave') set.stopIntake(request.point);
      asked.push({ request, dueMs: performance.now() + delayMs(request, engine) });
    }
    const isWaiting = first.observe(set);
    const endsAtMs = performance.now() + SLICE_MS;
    const due = asked.filter(({ dueMs }) => dueMs <= performance.now());
    const done = new Set<Asked>();
    for (const one of due) {
      const { request } = one;
      emit({ kind: 'answered', id: request.id, refusal: await carryOut(request, set, batch) });
      done.add(one);
      if (performance.now() >= endsAtMs) break;
    }
    asked = asked.filter((one) => !done.has(one));
    return isWaiting ? 0 : Math.max(0, Math.min(...asked.map(({ dueMs }) => dueMs)) - performance.now());
  };
  try {
    first.observe(set);
    if (links !== undefined && links.limit === undefined) emit({ kind: 'links', ...NO_NEWS });
    const control = new Control(setup.control);
    const isWoken = bareEngine.alsoWaitFor !== undefined;
    await runDataPlane({ engine, taps: set.taps, nflogReaders: set.nflogReaders, batch, control, isWoken, onRound });
  } catch (error) {
    set.end();
    throw error;
  } finally {
    links?.close();
    send(recorder, { kind: 'end' });
  }
}

/** The taps of the start. Those that capture already are read meanwhile: a thousand take the kernel half a minute to open. */
class FirstTaps {
  readonly #setups: readonly TapSetup[];
  readonly #onAll: () => void;
  #observed = 0;
  #isOver = false;

  constructor(setups: readonly TapSetup[], onAll: () => void) {
    this.#setups = setups;
    this.#onAll = onAll;
  }

  /** For as long as others may wait; answers whether there are more. */
  observe(set: TapManager): boolean {
    const endsAtMs = performance.now() + SLICE_MS;
    while (this.#observed < this.#setups.length && performance.now() < endsAtMs) {
      set.observe(this.#setups[this.#observed++]!);
    }
    const isWaiting = this.#observed < this.#setups.length;
    if (!isWaiting && !this.#isOver) this.#onAll();
    this.#isOver = !isWaiting;
    return isWaiting;
  }
}

/** What came may be waited for already; what went without ever being captured is missed. */
function emitLinks(
  { appeared, vanished }: LinkChanges,
  set: TapManager,
  emit: (message: DataPlaneMessage) => void,
): void {
  set.retryNow();
  const missed = vanished.filter(({ index, appearedAt }) => appearedAt !== undefined && !set.hasCaptured(index));
  const hasVanished = vanished.length > 0;
  if (appeared.length > 0 || hasVanished) emit({ kind: 'links', appeared, missed, hasVanished });
}

interface Asked {
  readonly request: TapRequest;
  readonly dueMs: number;
}

/** What arrived before the request to leave may be held back by the engine. */
function delayMs({ kind }: TapRequest, { holdMs }: LiveEngine): number {
  return kind === 'leave' ? holdMs : 0;
}

async function carryOut(request: TapRequest, set: TapManager, batch: PacketBatch): Promise<Failure | undefined> {
  try {
    if (request.kind === 'observe') set.observe(request.tap);
    else if (request.kind === 'change') await set.change(request.tap, batch);
    else await set.leave(request.point, batch);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return { code: error.code, message: error.message };
  }
}

/** What waits at the port, without waiting for more. */
function* received<Message>(port: MessagePort): Generator<Message> {
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
    yield got.message as Message;
  }
}

function send(recorder: MessagePort, message: ClosedWindowMessage): void {
  recorder.postMessage(message);
}
