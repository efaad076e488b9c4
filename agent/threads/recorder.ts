/**
 * The recorder put together: closed windows come through a port from the data plane, become durable in the spool, and are
 * released through the same port. Runs in a worker thread (recorder-thread.ts), so that neither encoding nor a slow disk
 * stalls anybody; the control plane hears of each window and takes its files into the spool's index.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Region } from '../annotation/regions.ts';
import type { HashSeed } from '../flow/hash.ts';
import { headerOf } from '../model/batch-id.ts';
import type { ClosedWindow, ClosedWindowMessage, ReleaseMessage } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { RecordCursor } from '../model/flow-record.ts';
import type { Ledger } from '../model/ledger.ts';
import { type ErrorCode, OperationalError } from '../model/operational-error.ts';
import { isSystemError } from '../model/system-error.ts';
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import { AddressPseudonyms } from '../privacy/address-pseudonyms.ts';
import { TopRecords, type TopSummary } from '../record/table.ts';
import { ofTrafficType } from '../record/traffic-cursor.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from '../spool/disk.ts';
import { firstPartOf, type RecordedWindow, Recorder, type RecorderCounters } from '../spool/recorder.ts';
import { SpoolWriter, type WrittenBatch } from '../spool/spool-writer.ts';
import { type AnnotatorsOf, annotated } from './annotators.ts';
import { type DurableFindings, recordFindings } from './finding-batches.ts';
import { FollowedWindows } from './follow-windows.ts';
import type { LiveReading } from './live-reading.ts';
import { ReceivedWindow, type TableMapper } from './mapped-window.ts';
import { privately } from './private-windows.ts';
import { type Detected, type DetectionPlan, WindowDetection } from './window-detection.ts';
import { type RecoveryCounters, WindowRecovery } from './window-recovery.ts';

/** Everything that the recorder is given; it crosses to its thread as a structured clone. */
export interface RecorderSetup {
  readonly hostId: string;
  readonly runId: string;
  /** The spool's. */
  readonly folder: string;
  /** Those that get new batches. */
  readonly sinks: readonly string[];
  /** Where earlier runs may have left windows (`WindowRecoveryOptions.folders`). */
  readonly tablesFolders: readonly string[];
  /** Of this run. */
  readonly points: readonly ObservationPoint[];
  readonly heldWindowsMax: number;
  readonly heldBytesMax: number;
  /** How many of a window's largest records go to the control plane; 0 for none. */
  readonly topRecords: number;
  /** Of pseudonyms of addresses; undefined where the configuration has none. */
  readonly privacyKey?: Uint8Array | undefined;
  /** Which addresses lie in which region. */
  readonly regions: readonly Region[];
  /** Random, for tables of its own. */
  readonly hashSeed: HashSeed;
  /** Undefined where another one looks for what is worth a finding. */
  readonly detection?: DetectionPlan | undefined;
  /** How long the end waits for a disk that refuses. */
  readonly flushMs: number;
}

/** The recorder's own numbers, with every message. */
export interface RecorderStatus {
  readonly counters: RecorderCounters;
  /** Windows that wait for the disk, and the memory that they hold. */
  readonly waiting: number;
  readonly heldBytes: number;
  /** What came of the windows that earlier runs left. */
  readonly recovery: RecoveryCounters;
  /** Why there may be more of them, which cannot be read now. */
  readonly recoveryFailure: string | undefined;
  /** Undefined where no flow log translates. */
  readonly translations?: TranslationNumbers | undefined;
}

/** What the recorder tells the control plane. */
export type RecorderMessage = { readonly status: RecorderStatus } & (
  | {
      readonly kind: 'durable';
      readonly point: ObservationPoint;
      readonly windowStart: number;
      readonly records: number;
      readonly ledger: Ledger;
      /** For `Spool.adopt`. */
      readonly entries: readonly WrittenBatch[];
      readonly top: TopSummary | undefined;
    }
  /** Once for each change: the spool cannot be written, or can again. */
  | { readonly kind: 'failing'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'well' }
  /** Another window waits for the disk. */
  | { readonly kind: 'waiting' }
  /** The window's records are lost: too many windows waited. Its ledger is not. */
  | {
      readonly kind: 'evicted';
      readonly point: ObservationPoint;
      readonly windowStart: number;
      readonly packets: number;
    }
  /** A window ended in which the rules looked. */
  | { readonly kind: 'detected'; readonly detected: Detected }
  /** Findings are durable on their way to the sinks. */
  | ({ readonly kind: 'findings' } & DurableFindings)
  /** A file of an earlier run is corrupt: it is in the quarantine. */
  | { readonly kind: 'quarantined'; readonly file: string; readonly reason: string }
  /** A window of a newer flowlogd stays where it is, for that version. */
  | { readonly kind: 'newer'; readonly file: string; readonly reason: string }
  /** Once for each change to it: windows of earlier runs cannot be read now; it is tried again. */
  | { readonly kind: 'unreadable'; readonly reason: string }
  /** All windows that earlier runs left are durable; emitted only if there was anything, or could not be read before. */
  | { readonly kind: 'recovered'; readonly recovery: RecoveryCounters }
  /** The last message. `complete`: everything that came is durable. */
  | { readonly kind: 'ended'; readonly complete: boolean }
);

/** Between two looks for windows of earlier runs that the disk does not show. */
const RECOVERY_RETRY_MS = 5_000;

/**
 * Ends when the data plane has ended and what it handed over is durable, or the disk has refused for too long.
 *
 * @param setup with the first sequence number that is free in the spool (`Spool.nextSequence`)
 */
export async function recordWindows(
  setup: RecorderSetup & { readonly nextSequence: number },
  disk: Disk,
  mapper: TableMapper,
  windows: MessagePort,
  emit: (message: RecorderMessage) => void,
  annotatorsOf: AnnotatorsOf = () => [],
  live?: MessagePort,
  observedWith: AnnotatorsOf = annotatorsOf,
  findings?: MessagePort,
): Promise<void> {
  const { folder, sinks, nextSequence, heldWindowsMax, heldBytesMax, topRecords } = setup;
  const status = (): RecorderStatus => ({
    counters: { ...recorder.counters },
    waiting: recorder.waiting,
    heldBytes: recorder.heldBytes,
    recovery: { ...recovery.counters },
    recoveryFailure: recovery.failure,
  });
  const { tablesFolders, runId, hostId, points, hashSeed, privacyKey } = setup;
  const pseudonyms = privacyKey === undefined ? undefined : new AddressPseudonyms(privacyKey);
  const nowSeconds = () => Date.now() / 1000;
  const reading = { folders: tablesFolders, hostId, runId, hashSeed, pseudonyms, nowSeconds };
  const followed = live && new FollowedWindows(live, reading);
  const onQuarantined = (file: string, reason: string) => emit({ kind: 'quarantined', file, reason, status: status() });
  const onNewer = (file: string, reason: string) => emit({ kind: 'newer', file, reason, status: status() });
  const recovery = new WindowRecovery({
    disk,
    folders: tablesFolders,
    runId,
    hostId,
    points,
    hashSeed,
    onQuarantined,
    onNewer,
  });
  const detection = detectionOf(setup, pseudonyms, observedWith, (detected) =>
    emit({ kind: 'detected', detected, status: status() }),
  );
  const writer = new SpoolWriter({ disk, folder, sinks, nextSequence, now: Date.now });
  const findingBatches = recordFindings(findings, {
    ...{ hostId, runId, writer, sinks, after },
    onDurable: (written) => emit({ kind: 'findings', ...written, status: status() }),
  });
  for (const { flowLog } of points) findingBatches.observes(flowLog);
  const recorder = new Recorder({
    writer,
    heldWindowsMax,
    heldBytesMax,
    after,
    events: {
      onDurable(window, entries, records) {
        const { point, ledger } = window;
        const { windowStart } = window.header;
        const top = topRecords > 0 ? topOf(window, topRecords) : undefined;
        emit({ kind: 'durable', point, windowStart, records, ledger, entries, top, status: status() });
        detection?.observe(window);
      },
      onState(failure) {
        if (failure === undefined) emit({ kind: 'well', status: status() });
        else emit({ kind: 'failing', code: failure.code, message: failure.message, status: status() });
      },
      onEvicted({ header, ledger, point }) {
        const { windowStart } = header;
        emit({ kind: 'evicted', point, windowStart, packets: ledger.metered.packets, status: status() });
      },
    },
  });
  const add = (window: RecordedWindow) => {
    const written = privately(shipped(annotated(window, annotatorsOf)), pseudonyms);
    detection?.expect(window, written);
    findingBatches.observes(window.point.flowLog);
    recorder.add(written);
  };
  const endRecovery = recoverWindows(recovery, add, (message) => emit({ ...message, status: status() }));
  await takeWindows(windows, (window, release) => {
    const failed = recorder.failure !== undefined;
    add(recorded(setup, disk, window, mapper, release, followed?.reading));
    if (failed) emit({ kind: 'waiting', status: status() });
  });
  endRecovery();
  const complete = await recorder.flush(setup.flushMs);
  detection?.end();
  findingBatches.stop();
  findings?.close();
  emit({ kind: 'ended', complete, status: status() });
  followed?.close();
  windows.close();
}

/** Fulfilled when none comes any more. */
function takeWindows(
  windows: MessagePort,
  take: (window: ClosedWindow, release: (message: ReleaseMessage) => void) => void,
): Promise<void> {
  return new Promise((resolve) => {
    windows.on('message', (message: ClosedWindowMessage) => {
      if (message.kind === 'end') resolve();
      else take(message.window, (release) => windows.postMessage(release));
    });
    // A data plane that died has closed its end without a word.
    windows.once('close', resolve);
  });
}

/** Undefined where another one looks. */
function detectionOf(
  { detection }: RecorderSetup,
  pseudonyms: AddressPseudonyms | undefined,
  annotatorsOf: AnnotatorsOf,
  onDetected: (detected: Detected) => void,
): WindowDetection | undefined {
  return detection && new WindowDetection({ ...detection, annotatorsOf, pseudonyms, after, onDetected });
}

/** Calls once after a delay, unless what it answers is called before. */
function after(delayMs: number, call: () => void): () => void {
  const timer = setTimeout(call, delayMs);
  return () => clearTimeout(timer);
}

/** The window without the records that its flow log is not to ship. Its ledger still counts their packets. */
function shipped(window: RecordedWindow): RecordedWindow {
  const { trafficType } = window.point.flowLog;
  if (trafficType === 'ALL') return window;
  return { ...window, records: () => ofTrafficType(window.records(), trafficType) };
}

/** Hands the recorder one window that was left behind after the other, between those of this run. Answers how to end that. */
function recoverWindows(
  recovery: WindowRecovery,
  add: (window: RecordedWindow) => void,
  emit: (
    message:
      | { readonly kind: 'recovered'; readonly recovery: RecoveryCounters }
      | { readonly kind: 'unreadable'; readonly reason: string },
  ) => void,
): () => void {
  let hasEnded = false;
  let wasRefused = false;
  let retry: NodeJS.Timeout | undefined;
  const next = () => {
    if (hasEnded) return;
    const window = recovery.next();
    const { counters, failure } = recovery;
    if (failure !== undefined) {
      if (!wasRefused) emit({ kind: 'unreadable', reason: failure });
      wasRefused = true;
      retry = setTimeout(next, RECOVERY_RETRY_MS);
      return;
    }
    if (window === undefined) {
      if (wasRefused || counters.windows + counters.quarantined > 0) emit({ kind: 'recovered', recovery: counters });
      return;
    }
    const release = () => {
      window.release();
      setImmediate(next);
    };
    add({ ...window, release });
  };
  next();
  return () => {
    hasEnded = true;
    clearTimeout(retry);
  };
}

/** Where memory is so short that mapping a table fails, that too is tried again. */
function recorded(
  setup: RecorderSetup,
  disk: Disk,
  window: ClosedWindow,
  mapper: TableMapper,
  emitReleased: (message: ReleaseMessage) => void,
  live: LiveReading | undefined,
): RecordedWindow {
  const { point, windowStart, ledger, tables, files } = window;
  const received = new ReceivedWindow(window, mapper, setup.hashSeed);
  if (live?.isOn === true) tellFollowers(live, window, received);
  return {
    point,
    header: headerOf(setup, point, windowStart),
    firstPart: firstPartOf(window.revision),
    ledger,
    heldBytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
    records: () => recordsOrRefusal(received, point),
    forget() {
      for (const path of files ?? []) unlink(disk, path);
    },
    release() {
      received.release();
      emitReleased({ id: window.id });
    },
  };
}

/** Where memory is too short for it the records are tried again; followers miss the rest of the window. */
function tellFollowers(live: LiveReading, window: ClosedWindow, received: ReceivedWindow): void {
  try {
    live.closed(window, received.map());
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

function recordsOrRefusal(received: ReceivedWindow, { interfaceName }: ObservationPoint): RecordCursor {
  try {
    return received.records();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OperationalError(
      'memory.exhausted',
      `Mapping a closed window of ${interfaceName} failed: ${error.message}; give flowlogd more memory or a lower table.flowsMax.`,
      error,
    );
  }
}

/** A file that the disk does not let go of comes again at the next start, and the reader drops what it brings. */
function unlink(disk: Disk, path: string): void {
  try {
    unlinkIfThere(disk, path);
  } catch (error) {
    if (!isFileSystemError(error)) throw error;
  }
}

function topOf(window: RecordedWindow, limit: number): TopSummary {
  const top = new TopRecords(limit);
  top.add(window.records());
  return top.summary();
}
