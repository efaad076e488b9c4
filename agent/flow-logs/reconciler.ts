/**
 * The flow logs of a running agent: the registry in memory and on disk, and the taps of the data plane, which follow it
 * (observed-taps.ts). Whatever changes is on the disk first.
 *
 * Changes come one after the other, however many ask at once. Interfaces come and go: it looks which there are when the kernel
 * tells; every two seconds while something is not settled, as the default route, of which it does not tell; and every half a minute,
 * should it not tell.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Beat, startBeat } from '../model/beat.ts';
import type { LinkNews, VanishedLink } from '../model/link-changes.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { Storage, Storages } from '../model/storage.ts';
import type { Log } from '../telemetry/log.ts';
import type { TapSetup } from '../threads/tap-manager.ts';
import { claimInterfaces, describeConflict, type Resolution } from './claims.ts';
import { called, type Declaration, type FlowLogEntry, type Refusal } from './flow-log-entry.ts';
import { newFlowLogId } from './flow-log-id.ts';
import { ObservedTaps, type Observer } from './observed-taps.ts';
import { type AttributeChange, create, type Entries, modify, type Outcome, reconcile, remove } from './registry.ts';
import { type RegistryDisk, readRegistry, setRegistryAside, writeRegistry } from './registry-file.ts';
import { describeStorage, storagesOf, withStorages } from './storage.ts';

/** What only the configuration knows of flow logs. */
export interface FlowLogResolver {
  /** From options as the configuration file has them, `id` among them. @throws OperationalError `config.invalid` */
  read(options: Readonly<Record<string, unknown>>): Declaration;
  /** What they stand for on the host as it is now, in their order. */
  resolve(entries: Entries): readonly Resolution<TapSetup>[];
  /** Of all interfaces that there are. */
  names(): ReadonlySet<string>;
  /** Whether a pattern stands for an interface of that name, there or not. */
  covers(pattern: string, interfaceName: string): boolean;
  /** Why no flow log can be made of a pattern that stands for nothing; undefined where it may wait for its interface. */
  explainMissing(pattern: string): OperationalError | undefined;
}

export interface FlowLogControlOptions {
  readonly resolver: FlowLogResolver;
  readonly disk: RegistryDisk;
  /** The state directory. */
  readonly folder: string;
  /** Where the sinks of this run store records. */
  readonly storages: Storages;
  readonly log: Log;
  readonly now: () => number;
  readonly random: () => number;
}

/** What a reload of the configuration changed. */
export interface ReloadReport {
  readonly created: readonly FlowLogEntry[];
  readonly removed: readonly FlowLogEntry[];
  readonly changed: readonly FlowLogEntry[];
  readonly refusals: readonly Refusal[];
}

/** Between two looks for interfaces that came or went, and between two where the kernel tells of them and nothing is pending. */
const REFRESH_SECONDS = 2;
const QUIET_REFRESH_MS = 30_000;

export class FlowLogControl {
  readonly #options: FlowLogControlOptions;
  #entries: Entries = [];
  #refusals: readonly Refusal[] = [];
  /** Why the registry on the disk is corrupt, until it is quarantined. */
  #damage: string | undefined;
  #observer: Observer | undefined;
  #refreshing: Beat | undefined;
  /** Whether the kernel tells of interfaces that come and go. */
  #isTold = false;
  #refreshedAtMs = 0;
  #last: Promise<unknown> = Promise.resolve();
  readonly #taps: ObservedTaps;

  /**
   * What the state directory and the configuration say together. Nothing is written: another agent may be there.
   *
   * @throws OperationalError `flow-log.refused` when the configuration asks for what cannot be
   */
  static load(options: FlowLogControlOptions, declarations: readonly Declaration[]): FlowLogControl {
    const read = readRegistry(options.disk, options.folder);
    const control = new FlowLogControl(options, read.kind === 'damaged' ? read.reason : undefined);
    const before = read.kind === 'entries' ? read.entries : [];
    const { entries, refusals } = control.#reconciled(before, declarations, options.storages);
    const [first] = refusals;
    if (first !== undefined) {
      throw new OperationalError(first.code, refusals.map(({ message }) => message).join('\n  '));
    }
    control.#entries = control.#stored(entries);
    return control;
  }

  private constructor(options: FlowLogControlOptions, damage: string | undefined) {
    this.#options = options;
    this.#damage = damage;
    this.#taps = new ObservedTaps(options);
  }

  get entries(): Entries {
    return this.#entries;
  }

  /** Of what the configuration asked for last. */
  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  /** What to observe from the start. */
  taps(): readonly TapSetup[] {
    return this.#taps.fromStart(() => this.resolutions());
  }

  /** The taps run, and the state directory is ours. */
  begin(observer: Observer): void {
    this.#observer = observer;
    try {
      this.#write(this.#entries);
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.#options.log.error('list of flow logs not persisted: disk write failed; a restart may lose flow logs', {
        reason: error.message,
      });
    }
    this.#warnOfMissing(this.#entries);
    // An agent that ends refuses what it is asked for; nobody looks for interfaces then.
    this.#refreshing = startBeat(REFRESH_SECONDS, () => this.#refreshWhenDue());
  }

  /** Writes the list anew, where its file was deleted. @throws OperationalError `registry.unusable` */
  persist(): void {
    this.#write(this.#entries);
  }

  end(): void {
    this.#refreshing?.stop();
  }

  /** Interfaces came or went. Whoever calls this once, with none of either, calls it for each that will. */
  linksChanged({ appeared, missed, hasVanished }: LinkNews): void {
    this.#isTold = true;
    for (const { name, atSeconds } of appeared) this.#taps.appeared(name, atSeconds);
    for (const link of missed) this.#tellMissed(link);
    // Not at once: one that is made anew in a moment is the same.
    if (hasVanished) this.#refreshedAtMs = Number.NEGATIVE_INFINITY;
    if (appeared.length > 0) void this.refresh().catch(ignoreRefusal);
  }

  /** Looks which interfaces came and went. */
  refresh(): Promise<void> {
    return this.#serial(() => this.#apply());
  }

  /** @throws OperationalError `flow-log.refused`, `config.invalid`, `registry.unusable`: nothing has changed then */
  create(options: Readonly<Record<string, unknown>>): Promise<FlowLogEntry> {
    return this.#serial(async () => {
      const declaration = this.#options.resolver.read({ id: this.#freeId(), ...options });
      const { entries, entry } = changed(create(this.#entries, declaration, this.#nowSeconds()));
      const problem = this.#conflictOf(entry, entries) ?? this.#missingOf(entry, entries);
      if (problem !== undefined) throw problem;
      const before = this.#entries;
      this.#commit(entries);
      await this.#apply();
      const failure = this.failuresOf(entry.id)[0];
      if (failure === undefined) return entry;
      this.#commit(before);
      await this.#apply();
      throw refused(failure);
    });
  }

  /** @throws OperationalError as `create` */
  modify(id: string, change: AttributeChange): Promise<FlowLogEntry> {
    return this.#change(() => {
      const outcome = modify(this.#entries, id, change);
      // The configuration knows which periods there are.
      if (outcome.kind === 'changed') this.#options.resolver.read({ id, ...outcome.entry.definition });
      return outcome;
    });
  }

  /** Answers when its windows are on their way to the disk. @throws OperationalError as `create` */
  remove(id: string): Promise<FlowLogEntry> {
    return this.#change(() => remove(this.#entries, id));
  }

  /**
   * Makes the flow logs what the configuration now declares; what cannot be had is among the refusals.
   * @param storages where its sinks now store records
   */
  reload(declarations: readonly Declaration[], storages: Storages): Promise<ReloadReport> {
    return this.#serial(async () => {
      const report = this.#reconciled(this.#entries, declarations, storages);
      this.#commit(report.entries);
      this.#refusals = report.refusals;
      await this.#apply();
      this.#warnOfMissing([...report.created, ...report.changed]);
      return report;
    });
  }

  /** What each flow log stands for now. */
  resolutions(): readonly Resolution<TapSetup>[] {
    return this.#options.resolver.resolve(this.#entries);
  }

  /** Why interfaces of the flow log are not observed, a sentence each. */
  failuresOf(id: string): readonly string[] {
    return this.#taps.failuresOf(id);
  }

  /** The entries as declared, less those that cannot be made on this host as it is. */
  #reconciled(before: Entries, declarations: readonly Declaration[], storages: Storages) {
    const wanted = { storages, nowSeconds: this.#nowSeconds(), suggestId: () => this.#freeId() };
    const reconciled = reconcile(before, declarations, wanted);
    const refusals = [...reconciled.refusals];
    let { entries } = reconciled;
    const created = reconciled.created.filter((entry) => {
      const problem = this.#elsewhere(entry, storages) ?? this.#conflictOf(entry, entries);
      if (problem === undefined) return true;
      refusals.push({ flowLogId: entry.id, code: problem.code, message: problem.message });
      entries = entries.filter(({ id }) => id !== entry.id);
      return false;
    });
    return { ...reconciled, entries, created, refusals };
  }

  /** Why a new flow log cannot be before the next start: the sinks of this run are those of its start. */
  #elsewhere(entry: FlowLogEntry, all: Storages): OperationalError | undefined {
    const wanted = Object.values(storagesOf(entry.definition, all));
    const own = Object.values(storagesOf(entry.definition, this.#options.storages));
    if (isDeepStrictEqual(wanted, own)) return undefined;
    const shown = (storages: readonly Storage[]) => storages.map(describeStorage).join(', ') || 'none';
    return refused(
      `The flow log ${called(entry)} is not created: its storage (${shown(own)} -> ${shown(wanted)}) requires a restart.`,
    );
  }

  /** Why a new flow log cannot be. */
  #conflictOf(entry: FlowLogEntry, entries: Entries): OperationalError | undefined {
    const { conflicts } = claimInterfaces(this.#options.resolver.resolve(entries));
    const conflict = conflicts.find(({ flowLogId }) => flowLogId === entry.id);
    return (
      conflict && refused(`The flow log ${entry.attributes.name} cannot be created: ${describeConflict(conflict)}.`)
    );
  }

  /** Why one cannot be created by hand: its name is mistyped, as a rule. One of the file waits, as interfaces come late in a boot. */
  #missingOf(entry: FlowLogEntry, entries: Entries): OperationalError | undefined {
    const { missing = [] } =
      this.#options.resolver.resolve(entries).find((resolution) => resolution.entry.id === entry.id) ?? {};
    return missing
      .map((pattern) => this.#options.resolver.explainMissing(pattern))
      .find((error) => error !== undefined);
  }

  #tellMissed({ name, packets }: VanishedLink): void {
    const covers = ({ entry, patterns }: Resolution<TapSetup>) =>
      entry.attributes.enabled && patterns.some((pattern) => this.#options.resolver.covers(pattern, name));
    const resolution = this.resolutions().find(covers);
    if (resolution === undefined || packets === 0) return;
    const facts = { flowLog: resolution.entry.id, interface: name, packets };
    this.#options.log.warn('interface vanished before capture started', facts);
    this.#observer?.missed(packets);
  }

  #warnOfMissing(entries: readonly FlowLogEntry[]): void {
    const ids = new Set(entries.map(({ id }) => id));
    for (const { entry, missing } of this.resolutions()) {
      if (!entry.attributes.enabled || !ids.has(entry.id)) continue;
      for (const pattern of missing) {
        // A pattern may stand for nothing.
        if (this.#options.resolver.explainMissing(pattern) === undefined) continue;
        this.#options.log.warn('no such interface; capture starts when it appears', {
          flowLog: entry.id,
          interface: pattern,
        });
      }
    }
  }

  #change(outcome: () => Outcome): Promise<FlowLogEntry> {
    return this.#serial(async () => {
      const { entries, entry } = changed(outcome());
      this.#commit(entries);
      await this.#apply();
      return entry;
    });
  }

  #commit(entries: Entries): void {
    const stored = this.#stored(entries);
    this.#write(stored);
    this.#entries = stored;
  }

  /** A flow log that is observed for the first time has its storage from then on. */
  #stored(entries: Entries): Entries {
    return entries.map((entry) => withStorages(entry, this.#options.storages));
  }

  /** What is damaged is never written over. */
  #write(entries: Entries): void {
    const { disk, folder, log } = this.#options;
    if (this.#damage !== undefined) {
      const path = setRegistryAside(disk, folder, this.#nowSeconds());
      const facts = { path, reason: this.#damage };
      this.#damage = undefined;
      log.error('corrupt list of flow logs moved to quarantine; create again those that commands had made', facts);
    }
    writeRegistry(disk, folder, entries);
  }

  #refreshWhenDue(): void {
    const isQuiet = this.#isTold && this.#taps.isSettled;
    if (isQuiet && Math.abs(this.#options.now() - this.#refreshedAtMs) < QUIET_REFRESH_MS) return;
    void this.refresh().catch(ignoreRefusal);
  }

  /** Makes the taps what the entries say. */
  async #apply(): Promise<void> {
    this.#refreshedAtMs = this.#options.now();
    if (this.#observer !== undefined) await this.#taps.become(() => this.resolutions(), this.#observer);
  }

  #freeId(): string {
    for (;;) {
      const id = newFlowLogId(this.#options.random);
      if (this.#entries.every((entry) => entry.id !== id)) return id;
    }
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.now() / 1000);
  }

  #serial<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function changed(outcome: Outcome): Extract<Outcome, { kind: 'changed' }> {
  if (outcome.kind === 'changed') return outcome;
  throw refused(outcome.message);
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof OperationalError)) throw error;
}

function refused(message: string): OperationalError {
  return new OperationalError('flow-log.refused', message);
}
