/**
 * The taps of a data plane, which come and go while it runs, and the closed windows that the recorder still has of them.
 *
 * A tap that leaves takes in what waits for it and closes its windows first; the others continue between two of their rounds.
 * When the same point comes back, the revisions of its windows continue where they were: a batch identity is never used twice.
 */

import { uptime } from 'node:os';
import { NFLOG_ENGINE_NAMES, WIRE_ENGINE_NAMES } from '../capture/engines.ts';
import type { RejectTable } from '../flow/reject-tables.ts';
import type { Window } from '../flow/window.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { LinkPackets } from '../meter/attach-loss.ts';
import type { Capture } from '../meter/attachment.ts';
import { endTap } from '../meter/data-plane.ts';
import type { MeterOptions } from '../meter/meter.ts';
import { NflogReader } from '../meter/nflog-reader.ts';
import { SLICE_MS } from '../meter/sweeps.ts';
import { type PageMapper, sharedTableMemory } from '../meter/table-memory.ts';
import { Tap } from '../meter/tap.ts';
import type { TapEvent } from '../meter/tap-event.ts';
import { type PersistOptions, WindowJournal } from '../meter/window-journal.ts';
import { PointRevisions } from '../meter/window-revisions.ts';
import { type ClosedTable, type ClosedWindow, HELD_BYTES_MAX, type PersistedFiles } from '../model/closed-window.ts';
import { asksSegments, isSamePoint, type ObservationPoint } from '../model/flow-log.ts';
import { LiveBlock } from '../model/live-figures.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { PacketBatch } from '../model/packet-batch.ts';
import type { LiveEngine, LiveOptions } from '../model/packet-source.ts';
import { Exclusion, type ExclusionPolicy } from '../packet/exclusion.ts';

/** Windows open at once: the present one, the one in its grace, and room for a clock that was set. */
const OPEN_WINDOWS_MAX = 4;
/** So small a table always has room: without one its packets could not even be coarsened. */
const SMALL_TABLE_BYTES = 12_288;
export interface TapSetup {
  readonly point: ObservationPoint;
  readonly capture: LiveOptions;
  /** The NFLOG group to which the packet filter's rules log what they reject. */
  readonly rejectGroup?: number | undefined;
  /** When the interface appeared, Unix seconds, where that was while the agent ran and its flow log was there. */
  readonly appearedAtSeconds?: number | undefined;
}

export interface TapManagerOptions {
  readonly exclusion: ExclusionPolicy;
  /** By window and address family. */
  readonly flowsMax: number;
  readonly hashSeed: Int32Array;
  readonly persist?: PersistOptions | undefined;
  /** Whether an interface that cannot be captured now is waited for; else it is refused. */
  readonly waits?: boolean | undefined;
  readonly packetsOf?: LinkPackets | undefined;
  readonly engine: LiveEngine;
  readonly mapper: PageMapper;
  /** Meters, and has the tables in its memory; TypeScript does without. */
  readonly kernel?: Kernel | undefined;
  /** Of closed windows that the recorder still has: from there on open ones may not grow, and are coarsened early. */
  readonly heldBytesMax?: number;
  readonly onClosed: (window: ClosedWindow) => void;
  readonly onEvent: (point: ObservationPoint, event: TapEvent) => void;
}

export class TapManager {
  readonly #options: TapManagerOptions;
  readonly #exclusion: Exclusion;
  readonly #meter: Omit<MeterOptions, 'onClosed' | 'windowSeconds'>;
  readonly #taps: Tap[] = [];
  readonly #nflogReaders: NflogReader[] = [];
  readonly #handedOver = new Map<number, { readonly tap: Tap; readonly window: Window }>();
  readonly #revisions = new PointRevisions();
  #heldBytes = 0;
  #lastId = 0;

  constructor(options: TapManagerOptions) {
    this.#options = options;
    this.#exclusion = new Exclusion(options.exclusion);
    this.#meter = {
      exclusion: this.#exclusion,
      hashSeed: options.hashSeed,
      kernel: options.kernel,
      allocate: sharedTableMemory(options.mapper, options.kernel),
      flowsMax: options.flowsMax,
      windowsMax: OPEN_WINDOWS_MAX,
      tableBytesMax: Number.POSITIVE_INFINITY,
    };
  }

  /** The same list as long as the set lives. */
  get taps(): readonly Tap[] {
    return this.#taps;
  }

  /** The same list, too. */
  get nflogReaders(): readonly NflogReader[] {
    return this.#nflogReaders;
  }

  /**
   * @param capture one that continues; opened when absent
   * @throws OperationalError when the interface cannot be captured now, or never where those are waited for; nothing is left
   *   of the tap then
   */
  observe(setup: TapSetup, capture?: Capture): void {
    this.#refuseWireCounts(setup);
    const live = new LiveBlock();
    const tap = this.#create(setup, live);
    try {
      this.#nflogReaderFor(setup)?.addTap(tap);
      if (capture === undefined && this.#options.waits === true) tap.attachOrRetry();
      else tap.attach(capture);
    } catch (error) {
      tap.end();
      this.#leaveNflogReader(tap);
      throw error;
    }
    this.#taps.push(tap);
    this.#options.onEvent(setup.point, { kind: 'live', live: live.shared });
  }

  /**
   * The point continues under another definition: its windows are closed, and not a packet is lost between the two.
   *
   * @param batch to read into
   * @throws OperationalError as `observe`
   */
  async change(setup: TapSetup, batch: PacketBatch): Promise<void> {
    const before = this.#taken(setup.point);
    await this.#nflogReaders.find((log) => before !== undefined && log.hasTap(before))?.drainLast(batch);
    const capture = continued(before, setup);
    before?.forget();
    try {
      this.observe(setup, capture);
    } finally {
      // Not before: the last tap of a group ends it.
      if (before !== undefined) this.#leaveNflogReader(before);
    }
  }

  /** Interfaces came or changed: those that are waited for are tried at once, or with their next drain where they are many. */
  retryNow(): void {
    const endsAtMs = performance.now() + SLICE_MS;
    for (const tap of this.#taps) {
      if (performance.now() < endsAtMs) tap.retryNow();
      else tap.retrySoon();
    }
  }

  /** Whether the capture of a tap is, or was, of the interface with this number. */
  hasCaptured(interfaceIndex: number): boolean {
    return this.#taps.some((tap) => tap.interfaceIndex === interfaceIndex);
  }

  /** The point is to leave: what arrives from now on is not counted. */
  stopIntake(point: ObservationPoint): void {
    this.#taps.find((tap) => isSamePoint(tap.point, point))?.stopIntake();
  }

  /**
   * Once the engine has handed over what had arrived by the end of the intake.
   *
   * @param batch to read into
   */
  async leave(point: ObservationPoint, batch: PacketBatch): Promise<void> {
    const tap = this.#taken(point);
    if (tap === undefined) return;
    await this.#nflogReaders.find((log) => log.hasTap(tap))?.drainLast(batch);
    this.#leaveNflogReader(tap);
    await endTap(tap, batch);
    tap.forget();
  }

  /** A closed window is safe elsewhere. */
  released(id: number): void {
    const released = this.#handedOver.get(id);
    if (released === undefined) return;
    this.#handedOver.delete(id);
    this.#heldBytes -= heldBytes(released.window);
    released.tap.released(released.window);
  }

  end(): void {
    for (const tap of this.#taps) tap.end();
    for (const log of this.#nflogReaders) log.end();
  }

  /** The tap of the point, which is none of the set's any more. */
  #taken(point: ObservationPoint): Tap | undefined {
    const at = this.#taps.findIndex((tap) => isSamePoint(tap.point, point));
    return at < 0 ? undefined : this.#taps.splice(at, 1)[0];
  }

  /** @throws OperationalError `config.invalid` where the engine cannot tell them */
  #refuseWireCounts({ point, capture }: TapSetup): void {
    const { name } = this.#options.engine;
    if (capture.tellsSegments !== true || WIRE_ENGINE_NAMES.some((each) => each === name)) return;
    throw new OperationalError(
      'config.invalid',
      `Counting on ${point.interfaceName} as on the wire takes the engine ${WIRE_ENGINE_NAMES.join(' or ')}, and this is ${name}: ` +
        'change it, or set count to host and leave wire-packets and wire-bytes out of fields.',
    );
  }

  /** The taps of a flow log share one. @throws OperationalError when its group cannot be listened to now */
  #nflogReaderFor({ rejectGroup: group, capture }: TapSetup): NflogReader | undefined {
    if (group === undefined) return undefined;
    const open = this.#nflogReaders.find((log) => log.group === group);
    if (open !== undefined) return open;
    const { engine } = this.#options;
    if (!NFLOG_ENGINE_NAMES.some((name) => name === engine.name) || capture.filter !== '') {
      throw new OperationalError(
        'config.invalid',
        `Listening to NFLOG group ${group} takes the engine ${NFLOG_ENGINE_NAMES.join(' or ')} and no capture.filter, which NFLOG does not know: change them, ` +
          'or leave out rejects.',
      );
    }
    const log = new NflogReader({
      engine,
      group,
      snapBytes: capture.snapBytes,
      now: () => performance.now(),
    });
    log.attach();
    this.#nflogReaders.push(log);
    return log;
  }

  #leaveNflogReader(tap: Tap): void {
    const at = this.#nflogReaders.findIndex((log) => log.hasTap(tap));
    if (at < 0 || this.#nflogReaders[at]!.removeTap(tap)) return;
    this.#nflogReaders[at]!.end();
    this.#nflogReaders.splice(at, 1);
  }

  #create({ point, capture, appearedAtSeconds }: TapSetup, live: LiveBlock): Tap {
    const { engine, packetsOf, onEvent } = this.#options;
    const tap: Tap = new Tap({
      point,
      capture,
      appearedAtSeconds,
      packetsOf,
      engine,
      meter: { ...this.#meter, revisions: this.#revisions.of(point, this.#taps) },
      journal: this.#journalOf(point),
      hasRoom: (bytes) => this.#hasRoom(bytes),
      now: Date.now,
      clocks: () => ({ wallMs: Date.now(), awakeMs: performance.now(), bootMs: uptime() * 1000 }),
      onFigures: (figures) => live.write(figures),
      onClosed: (_, window, files) => this.#closed(tap, window, files),
      onEvent,
    });
    return tap;
  }

  /** A recorder that keeps up has nothing to say in this, however large the tables are. */
  #hasRoom(bytes: number): boolean {
    const { heldBytesMax = HELD_BYTES_MAX } = this.#options;
    return bytes <= SMALL_TABLE_BYTES || this.#heldBytes === 0 || this.#heldBytes + bytes <= heldBytesMax;
  }

  #journalOf(point: ObservationPoint): WindowJournal | undefined {
    const { persist, mapper, kernel, onEvent } = this.#options;
    if (persist === undefined) return undefined;
    const { ruleNames } = this.#exclusion;
    const fallback = this.#meter.allocate;
    return new WindowJournal({
      persist,
      point,
      ruleNames,
      mapper,
      places: kernel,
      fallback,
      onEvent: (event) => onEvent(point, event),
    });
  }

  #closed(tap: Tap, window: Window, files: PersistedFiles | undefined): void {
    const id = ++this.#lastId;
    this.#handedOver.set(id, { tap, window });
    this.#heldBytes += heldBytes(window);
    this.#options.onClosed(describe(id, tap.point, window, files));
  }
}

/** The capture of the tap that ends, where it tells what the next one asks for. */
function continued(before: Tap | undefined, { point }: TapSetup): Capture | undefined {
  const capture = before?.handOver();
  if (before !== undefined && asksSegments(before.point.flowLog) === asksSegments(point.flowLog)) return capture;
  capture?.source.close();
  return undefined;
}

function tablesOf(window: Window): readonly Pick<RejectTable, 'family' | 'table'>[] {
  return [...window.tables, ...(window.rejects?.tables ?? [])];
}

function heldBytes(window: Window): number {
  return tablesOf(window).reduce((sum, { table }) => sum + table.memory.words.byteLength, 0);
}

function describe(
  id: number,
  point: ObservationPoint,
  window: Window,
  files: PersistedFiles | undefined,
): ClosedWindow {
  const tables = tablesOf(window).map(closedTable);
  const { start: windowStart, revision, flows, ledger } = window;
  return { id, point, windowStart, revision, flows, ledger, tables, files };
}

function closedTable({
  family,
  table,
  rejection,
}: Pick<RejectTable, 'family' | 'table'> & Partial<RejectTable>): ClosedTable {
  const { memory } = table;
  const notesWire = table.further !== undefined;
  return { family, pages: memory.handOver(), bytes: memory.words.byteLength, rejection, notesWire };
}
