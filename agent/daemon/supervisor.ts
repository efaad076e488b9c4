/**
 * The daemon put together: spool, exporter, recorder, data plane and rotation, started in this order and stopped in the
 * reverse one, so that nothing is ever handed to a stage that is not there. See docs/architecture.md for the drawing.
 */

import { randomBytes, randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { LiveFollowers } from '../control/live-followers.ts';
import type { SpoolControl } from '../control/spool-routes.ts';
import { HASH_SEED_WORDS } from '../flow/hash.ts';
import { startRotation } from '../meter/rotation.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { RECORDER_DEFAULTS } from '../spool/recorder.ts';
import type { Spool } from '../spool/spool.ts';
import type { FindingsStatus } from '../telemetry/findings-status.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import type { StatusCollector } from '../telemetry/status-collector.ts';
import type { RecorderMessage } from '../threads/recorder.ts';
import { type OnLinks, type RunningDataPlane, startDataPlane } from '../threads/start-data-plane.ts';
import { startRecorder } from '../threads/start-recorder.ts';
import { requireTranslations } from '../threads/translations.ts';
import type { Detected } from '../threads/window-detection.ts';
import type { AgentPlan } from './agent-plan.ts';
import { createStatus, onRecorderMessage } from './agent-status.ts';
import { logRecorder, logTapEvent } from './event-log.ts';
import { openSpool } from './open-spool.ts';
import { type RunningSink, SinkExporters } from './sink-exporters.ts';
import { logUnconfigured, spoolControl } from './spool-control.ts';
import { SpoolReading } from './spool-reading.ts';
import { stateEvents } from './state-events.ts';
import { StateWatch, watchedFolder } from './state-watch.ts';
import { openTableDirectory, type TableDirectory } from './table-directory.ts';
import { TapController } from './tap-controller.ts';

export interface SupervisorOptions extends AgentPlan {
  readonly sinks: readonly RunningSink[];
  /** Where a sink is the embedded log service. */
  readonly logService?: (() => LogServiceStatus) | undefined;
  /** Where they are followed. */
  readonly findings?: (() => FindingsStatus | null) | undefined;
  readonly log: Log;
  /** Records of each window that `onWindow` is told, the largest first. */
  readonly topRecords: number;
  readonly onLinks: OnLinks;
  /** A window ended in which the rules looked. */
  readonly onDetected?: (detected: Detected) => void;
  /** Where findings come that are to go to the sinks; it moves to the recorder's thread. */
  readonly findingsPort?: MessagePort | undefined;
  /** Those are durable. */
  readonly onFindings?: (uids: readonly string[]) => void;
  /** A window is durable. */
  readonly onWindow: (window: Extract<RecorderMessage, { kind: 'durable' }>) => void;
}

/** How long the recorder may wait for a disk that refuses, and the exporter for what is on its way, when all ends. */
const FLUSH_MS = 10_000;
const EXPORT_STOP_MS = 5_000;
/** Between two looks for batches that grew too old. */
const SWEEP_MS = 60_000;

export class Supervisor {
  readonly status: StatusCollector;
  /** What else it is to observe, and what no longer. */
  readonly taps: TapController;
  /** What is made again where somebody deletes it. */
  readonly state: StateWatch;
  /** Who follows the open windows. */
  readonly followers: LiveFollowers;
  readonly #options: SupervisorOptions;
  readonly #hashSeed = randomFillSync(new Int32Array(HASH_SEED_WORDS));
  readonly #runId = randomBytes(8).toString('hex');
  readonly #spool: Spool;
  readonly #tables: TableDirectory;
  readonly #exporters: SinkExporters;
  readonly #plane: RunningDataPlane;
  readonly #reading: SpoolReading;
  readonly #recorder: Promise<void>;
  readonly #sweeping: NodeJS.Timeout;
  #endRotation: () => void = () => undefined;

  /** Answers when every interface is capturing, or waited for. @throws OperationalError when a stage cannot start; what had started is stopped */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const points = options.taps.map(({ point }) => point);
    if (options.engineLimit !== undefined) options.log.warn(options.engineLimit, { engine: options.engine });
    for (const limit of requireTranslations(points, loadCaptureAddon())) options.log.warn(limit);
    const supervisor = new Supervisor(options);
    try {
      for (const limit of await supervisor.#plane.ready) options.log.warn(limit, { engine: options.engine });
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    supervisor.#rotate();
    return supervisor;
  }

  private constructor(options: SupervisorOptions) {
    this.#options = options;
    this.status = createStatus(options, this.#runId, () => ({
      ...options,
      spool: this.#spool,
      exporters: this.#exporters,
      plane: this.#plane,
    }));
    this.#spool = openSpool(this.#spoolFolder, options);
    this.#exporters = new SinkExporters(options.sinks, (name) => this.#spool.queue(name), options.log);
    this.#sweeping = setInterval(() => this.#spool.sweep(), SWEEP_MS);
    const points = options.taps.map(({ point }) => point);
    this.#tables = openTableDirectory({ ...options, runId: this.#runId, points }, options.log);
    this.#plane = startDataPlane(
      {
        taps: options.taps,
        exclusion: options.exclusion,
        flowsMax: options.flowsMax,
        ringBytesMax: options.ringBytesMax,
        hashSeed: this.#hashSeed,
        persist: this.#tables.persist,
        waits: true,
        followsLinks: true,
        noWasm: options.noWasm,
      },
      options.engine,
      (point, event) => {
        this.status.captured(point, event);
        logTapEvent(options.log, point, event);
      },
      (change) => this.status.rings.changed(change),
      options.onLinks,
    );
    this.taps = new TapController(this.#plane.taps, this.status, points);
    this.state = this.#watchState();
    // Capture first: hundreds of thousands of files may be pending.
    this.#reading = this.#readSpool();
    const nextSequence = this.#reading.listed.then((isListed) => (isListed ? this.#deliver() : undefined));
    const live = new MessageChannel();
    this.followers = new LiveFollowers(live.port1, () => this.status.read().interfaces);
    this.#recorder = startRecorder(
      this.#recorderSetup(),
      this.#plane.windows,
      nextSequence,
      (message) => this.#recorded(message),
      live.port2,
      options.findingsPort,
    );
  }

  /** Rejected when a thread dies; resolved once stopped. */
  get ended(): Promise<void> {
    return Promise.all([this.#plane.ended, this.#recorder]).then(() => undefined);
  }

  /** The log service can be reached again. */
  deliverNow(): void {
    this.#exporters.retryNow();
  }

  /** For operators. */
  get spoolControl(): SpoolControl {
    return spoolControl(this.#spool, () => this.deliverNow());
  }

  /** Changes with every round of the data plane. */
  get progress(): number {
    return this.#plane.control.progress;
  }

  /** Closes the last windows, makes them durable, and gives the exporter a moment for them; the rest waits on disk. */
  async stop(): Promise<void> {
    this.#endRotation();
    this.#plane.control.requestStop();
    this.#reading.stop();
    // The last windows need their folder.
    await this.state.look();
    await Promise.allSettled([this.#plane.ended, this.#recorder]);
    this.followers.close();
    clearInterval(this.#sweeping);
    this.#tables.close();
    await this.#exporters.stop(EXPORT_STOP_MS);
    // What was on its way may be known to be lost by now.
    await this.state.look();
    this.#logBacklog();
    await this.state.stop();
    this.#spool.close();
    await this.#exporters.close();
  }

  #rotate(): void {
    this.#endRotation = startRotation(this.#plane.control, Date.now);
  }

  get #spoolFolder(): string {
    return join(this.#options.stateDirectory, 'spool');
  }

  #watchState(): StateWatch {
    const { log, stateDirectory, sandbox } = this.#options;
    const spool = { name: 'spool', isInPlace: () => this.#spool.isInPlace, remake: () => this.#spool.reclaim() };
    const tables = this.#tables.folders.map((folder) => watchedFolder('open windows', folder));
    const events = stateEvents(log, this.status, this.#spool, sandbox.files.limited, () => this.#exporters.wake());
    return new StateWatch([watchedFolder('state directory', stateDirectory), spool, ...tables], events);
  }

  #readSpool(): SpoolReading {
    const { log } = this.#options;
    return new SpoolReading(this.#spool, {
      onState: (failure) => {
        this.status.spoolFailing(failure?.message);
        if (failure === undefined) log.info('spool readable again');
        else log.error(failure.message, { code: failure.code });
      },
      onComplete: () => {
        const backlog = this.#spool.backlog();
        if (backlog.batches > 0) log.debug('spool index read', backlog);
        logUnconfigured(log, this.#spool);
      },
    });
  }

  /** What is pending goes to the sinks, oldest first; answers where a writer continues. */
  #deliver(): number {
    this.#exporters.wake();
    return this.#spool.nextSequence;
  }

  #recorderSetup() {
    return {
      hostId: this.#options.hostId,
      runId: this.#runId,
      folder: this.#spoolFolder,
      sinks: this.#options.sinks.filter(({ isDraining }) => !isDraining).map(({ name }) => name),
      tablesFolders: this.#tables.folders,
      points: this.#options.taps.map(({ point }) => point),
      ...RECORDER_DEFAULTS,
      regions: this.#options.regions,
      privacyKey: this.#options.privacyKey,
      topRecords: this.#options.topRecords,
      hashSeed: this.#hashSeed,
      detection: this.#options.detection,
      flushMs: FLUSH_MS,
    };
  }

  #recorded(message: RecorderMessage): void {
    onRecorderMessage(this.status, message);
    logRecorder(this.#options.log, message);
    if (message.kind === 'detected') this.#options.onDetected?.(message.detected);
    if (message.kind !== 'durable' && message.kind !== 'findings') return;
    this.#spool.adopt(message.entries);
    this.#exporters.wake();
    if (message.kind === 'durable') this.#options.onWindow(message);
    else this.#options.onFindings?.(message.uids);
  }

  #logBacklog(): void {
    if (!this.#spool.isListed) {
      this.#options.log.error(
        'spool not read before shutdown, no window of this run written to it; the next start recovers the persisted ones, the others are lost',
      );
    }
    const { batches, bytes } = this.#spool.backlog();
    if (batches > 0) this.#options.log.info('batches pending on disk for the next start', { batches, bytes });
  }
}
