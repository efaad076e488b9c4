/**
 * The spool against a model: random actions of one sink or two, each of which may be cut short by a power cut or a kill at any disk
 * operation, by a full disk or by a failing one; files are damaged anywhere. After each, what is in the queue of each sink must be
 * what the model allows, and whoever reads what was delivered to it, what is pending for it and what was evicted must find every
 * packet that was metered. A sink's acknowledgement, cut or quarantine changes nothing for the other, and the limit counts files.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addLedger, createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { Disk } from '../../../agent/spool/disk.ts';
import type { SinkQueue } from '../../../agent/spool/sink-queue.ts';
import { Spool } from '../../../agent/spool/spool.ts';
import { readSpoolFile, SPOOL_HEADER_BYTES } from '../../../agent/spool/spool-file.ts';
import { FlowBatchReader, labelBytes, splitBatch, sumRecords } from '../../../agent/wire/flow-batch-reader.ts';
import { CrashingDisk, fileSystemError, PowerCut } from '../../support/crashing-disk.ts';
import { freeLock } from '../../support/free-lock.ts';
import { batchOf, identityOf } from '../../support/spool-batches.ts';

type Action =
  | { readonly kind: 'write'; readonly count: number }
  | { readonly kind: 'remove' | 'quarantine' | 'replace'; readonly which: number; readonly sink: number }
  /** `at`: which share of the file stands before the damage. */
  | {
      readonly kind: 'damage';
      readonly which: number;
      readonly sink: number;
      readonly how: keyof typeof DAMAGES;
      readonly at: number;
    }
  /** The limit falls to this many blocks for a moment. */
  | { readonly kind: 'drop'; readonly blocks: number }
  | { readonly kind: 'kill' | 'cut' };

interface Step {
  readonly action: Action;
  /** The power goes, or the process is killed, at this operation of the action; beyond its last one: not at all. */
  readonly cutAt: number | undefined;
  readonly isKill: boolean;
  /** From this operation of the action on, the disk answers so. */
  readonly failure:
    | { readonly at: number; readonly code: string; readonly operations: readonly (keyof Disk)[] }
    | undefined;
  /** Steps of the index that are read after the action. */
  readonly reads: number;
  /** Whether everything is read afterwards, which learns every size. */
  readonly looks: boolean;
}

const DAMAGES = {
  'one bit': (content: Uint8Array, at: number) => content.map((byte, index) => (index === at ? byte ^ 0x10 : byte)),
  'a tail that is gone': (content: Uint8Array, at: number) => content.subarray(0, at),
  'a tail of zeros': (content: Uint8Array, at: number) => content.fill(0, at),
  'a head of zeros': (content: Uint8Array, at: number) => content.fill(0, 0, at),
} as const;

const which = fc.nat({ max: 20 });
const sink = fc.nat({ max: 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which, sink }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace' as const), which, sink }) },
  fc.record({ kind: fc.constant('quarantine' as const), which, sink }),
  fc.record({
    kind: fc.constant('damage' as const),
    which,
    sink,
    how: fc.constantFrom(...(Object.keys(DAMAGES) as (keyof typeof DAMAGES)[])),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), blocks: fc.nat({ max: 8 }) }) },
  fc.record({ kind: fc.constantFrom('kill' as const, 'cut' as const) }),
);
const failure = fc.record({
  at: fc.nat({ max: 8 }),
  code: fc.constantFrom('ENOSPC', 'EIO', 'EROFS', 'EMFILE'),
  operations: fc.constantFrom<(keyof Disk)[]>(
    ['create'],
    ['syncFolder'],
    ['rename'],
    ['link'],
    ['unlink'],
    ['create', 'rename', 'link', 'unlink'],
  ),
});
const step: fc.Arbitrary<Step> = fc.record({
  action,
  cutAt: fc.option(fc.nat({ max: 20 }), { nil: undefined, freq: 2 }),
  isKill: fc.boolean(),
  failure: fc.option(failure, { nil: undefined, freq: 3 }),
  reads: fc.nat({ max: 2 }),
  looks: fc.boolean(),
});

const FOLDER = '/spool';
const BLOCK_BYTES = 4096;
/** Of a file's header: what is behind it is of the rest, not of the label. */
const REST_DIGEST_AT = 36;

/** What a sink may find of one batch that was written. */
interface Fate {
  /** The sets of identities that may be there, one of which must be. The empty set: it may be gone. */
  allowed: readonly (readonly string[])[];
  /** It was committed, or found after a restart: it cannot be missing unaccounted. */
  isWritten: boolean;
  /** The service has its ledger, or nobody can know it: it need not be in a loss report. */
  isExcused: boolean;
  /** It was evicted, or may have been: what is missing must be in a loss report. */
  mayBeEvicted: boolean;
}

/** What one sink may find. */
class SinkModel {
  readonly folder: string;
  /** By the batch's number, in the order of writing. */
  readonly fates = new Map<number, Fate>();
  /** The sink has them, or their labels are damaged; and they are not pending any more. */
  readonly gone = new Set<string>();
  /** Acknowledged, or in pieces, and nothing but a power cut brings them back. */
  readonly acknowledged = new Set<string>();
  readonly #packets: Packets;

  constructor(sink: string, packets: Packets) {
    this.folder = `${FOLDER}/sinks/${sink}`;
    this.#packets = packets;
  }

  check(found: readonly string[], reports: Ledger, { isRestart, isReportLost }: Check): void {
    expect(found).toEqual([...found].sort(byAge));
    expect(new Set(found).size).toBe(found.length);
    expect(found.filter((identity) => this.acknowledged.has(identity))).toEqual([]);
    for (const [part, fate] of this.fates) {
      const present = found.filter((identity) => Number.parseInt(identity, 10) === part);
      const subsets = fate.mayBeEvicted ? fate.allowed.flatMap(subsetsOf) : fate.allowed;
      expect(
        subsets.map((set) => set.join()),
        `batch ${part}`,
      ).toContain(present.join());
      this.#checkReports(part, fate, present, reports);
      fate.allowed = isRestart ? [present] : fate.allowed;
      if (isRestart && present.length > 0) fate.isWritten = true;
    }
    if (!isReportLost) this.#checkPackets(found, reports);
    const known = new Set([...this.fates.values()].flatMap(({ allowed }) => allowed.flat()));
    expect(found.filter((identity) => !known.has(identity))).toEqual([]);
  }

  /** Its packets are accounted for, or cannot be. */
  leave(identity: string, fate: Fate): void {
    this.gone.add(identity);
    if (bringsLedger(identity)) fate.isExcused = true;
  }

  /** A batch's ledger names it, and goes with its last record: a report that has that must have it, and none twice. */
  #checkReports(part: number, fate: Fate, present: readonly string[], reports: Ledger): void {
    const reported = reports.excluded[`batch ${part}`]?.packets ?? 0;
    const hasLedger = present.some(bringsLedger);
    expect(reported, `ledgers of batch ${part} in reports`).toBeLessThanOrEqual(hasLedger ? 0 : 1);
    if (fate.isWritten && !fate.isExcused) {
      expect(reported, `ledger of batch ${part}`).toBe(hasLedger ? 0 : 1);
    }
  }

  /** Packets of the records and packets evicted are what was metered. */
  #checkPackets(found: readonly string[], reports: Ledger): void {
    // The sink may have it, but the spool does not know that: it may still be evicted.
    for (const identity of found) this.gone.delete(identity);
    let missing = reports.metered.packets - reports.evicted.packets;
    for (const identity of [...found, ...this.gone]) {
      const { records, metered } = this.#packets.get(identity)!;
      missing += metered - records;
    }
    expect(missing, 'packets that were metered and are in no record and no report').toBe(0);
  }
}

interface Check {
  readonly isRestart: boolean;
  readonly isReportLost: boolean;
}

/** What was in each whole and each piece: the packets of its records, and those that its ledger says were metered. */
type Packets = Map<string, { readonly records: number; readonly metered: number }>;

class World {
  readonly disk: CrashingDisk;
  spool: Spool;
  readonly #sinks: readonly string[];
  readonly #models = new Map<string, SinkModel>();
  readonly #packets: Packets = new Map();
  #next = 0;
  /** Where there is no room for a report, memory alone has it until there is: a kill loses it. */
  #isReportVolatile = false;
  #isReportLost = false;
  #bytesMax = Number.MAX_SAFE_INTEGER;
  #processes = 0;

  constructor(seed: number, sinks: readonly string[]) {
    this.disk = new CrashingDisk(seed);
    this.#sinks = sinks;
    for (const each of sinks) this.#models.set(each, new SinkModel(each, this.#packets));
    this.spool = this.#open();
  }

  async take({ action, cutAt, isKill, failure, reads, looks }: Step): Promise<void> {
    if (failure !== undefined) this.#failFrom(failure);
    this.#isReportVolatile = failure?.code === 'ENOSPC';
    if (cutAt !== undefined) this.disk.operationsLeft = cutAt;
    let cut = action.kind === 'cut';
    try {
      await this.#act(action);
      for (let read = 0; read < reads; read++) this.spool.readSome();
    } catch (error) {
      if (error instanceof PowerCut) cut = true;
      else if (!(error instanceof OperationalError)) throw error;
    }
    this.disk.operationsLeft = -1;
    this.disk.fault = () => {};
    this.#bytesMax = Number.MAX_SAFE_INTEGER;
    const isRestart = cut || action.kind === 'kill';
    if (!isRestart) this.spool.sweep();
    else if (this.#isReportVolatile) this.#isReportLost = true;
    if (cut) {
      this.#endCut(isKill && action.kind !== 'cut');
      this.#reopenAfterCuts(cutAt);
    } else if (action.kind === 'kill') this.spool = this.#open();
    if (isRestart || looks) await this.check(isRestart);
  }

  async check(isRestart: boolean): Promise<void> {
    for (const [sink, model] of this.#models) {
      const found = await this.#contents(sink);
      model.check(found, this.#reportsOf(model), { isRestart, isReportLost: this.#isReportLost });
    }
    this.#checkUse();
    if (isRestart) expect(this.disk.paths().filter((path) => path.endsWith('.tmp'))).toEqual([]);
  }

  /** Each file counts once, however many sinks owe it. */
  #checkUse(): void {
    const pending = [...this.#models].flatMap(([sink, { folder }]) =>
      Array.from(this.spool.queue(sink).index.names(), (name) => `${folder}/${name}`),
    );
    const files = this.disk.contents(pending);
    const reports = this.spool.queues.reduce((sum, queue) => sum + queue.reports.closed.length, 0);
    expect(this.spool.backlog().batches).toBe(files.length + reports);
    if (this.spool.unmeasured > 0) return;
    expect(this.spool.backlog().bytes).toBe(BLOCK_BYTES * files.length);
  }

  /** Reads everything, as the exporter would. */
  async #contents(sink: string): Promise<string[]> {
    const queue = this.spool.queue(sink);
    const found: string[] = [];
    for (const name of queue.oldest(Number.POSITIVE_INFINITY)) {
      if (name.endsWith('.lost')) continue;
      const bytes = await queue.read(name);
      queue.release(name);
      if (bytes !== undefined) found.push(identityOf(bytes));
    }
    return found;
  }

  /** As whoever starts next finds them, closed or not. */
  #reportsOf({ folder }: SinkModel): Ledger {
    const reports = createLedger([]);
    const paths = this.disk.paths().filter((path) => path.startsWith(`${folder}/`));
    for (const path of paths.filter((each) => /\.lost(-open)?$/.test(each))) {
      const content = readSpoolFile(this.disk.readNow(path));
      if (content.kind === 'whole') {
        addLedger(reports, (JSON.parse(Buffer.from(content.payload).toString()) as { ledger: Ledger }).ledger);
      }
    }
    return reports;
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'write':
        return this.#write(action.count);
      case 'drop':
        return this.#evict(action.blocks * BLOCK_BYTES);
      case 'kill':
      case 'cut':
        return;
      default: {
        const sink = this.#sinks[action.sink % this.#sinks.length]!;
        const names = this.spool.queue(sink).oldest(Number.POSITIVE_INFINITY);
        const name = names[action.which % Math.max(names.length, 1)];
        if (name !== undefined) await this.#change(action, sink, name);
      }
    }
  }

  /** Over the limit the oldest of all sinks go, until all files together are within it. */
  #evict(bytesMax: number): void {
    for (const { fates } of this.#models.values()) for (const fate of fates.values()) this.#mayEvict(fate);
    this.#bytesMax = bytesMax;
    const failures: string[] = [];
    const { fault } = this.disk;
    this.disk.fault = (operation, path) => {
      try {
        fault(operation, path);
      } catch (error) {
        failures.push(operation);
        throw error;
      }
    };
    this.spool.sweep();
    if (failures.length === 0) expect(this.spool.backlog().bytes).toBeLessThanOrEqual(bytesMax);
  }

  #mayEvict(fate: Fate): void {
    fate.mayBeEvicted = true;
    if (this.#isReportVolatile) fate.isExcused = true;
  }

  #fatesOf(part: number): Fate[] {
    return Array.from(this.#models.values(), ({ fates }) => fates.get(part)!);
  }

  #write(count: number): void {
    const parts = Array.from({ length: count }, () => this.#next++);
    for (const { fates } of this.#models.values()) {
      for (const part of parts) {
        fates.set(part, { allowed: [[], [`${part}`]], isWritten: false, isExcused: false, mayBeEvicted: false });
      }
    }
    const batches = parts.map((part) => batchOf(part, part + 4, ledgerOf(part)));
    for (const batch of batches) this.#remember(batch);
    try {
      this.spool.writeAll(batches);
    } catch (error) {
      // After a power cut it may be there; after a failure it is not, unless the disk did not even let go of it: see `#files`.
      if (error instanceof OperationalError) this.#expectNotListed(parts);
      throw error;
    }
    for (const part of parts) {
      for (const fate of this.#fatesOf(part)) Object.assign(fate, { allowed: [[`${part}`]], isWritten: true });
    }
  }

  #remember(batch: Uint8Array): void {
    const reader = new FlowBatchReader(batch);
    const metered = reader.ledger?.metered.packets ?? 0;
    this.#packets.set(identityOf(batch), { records: sumRecords(reader).packets, metered });
  }

  #expectNotListed(parts: readonly number[]): void {
    for (const queue of this.spool.queues) {
      expect(queue.backlog().batches).toBe(queue.oldest(Number.POSITIVE_INFINITY).length);
    }
    for (const part of parts) for (const fate of this.#fatesOf(part)) fate.allowed = [[], [`${part}`]];
  }

  async #change(
    action: Exclude<Action, { kind: 'write' | 'drop' | 'kill' | 'cut' }>,
    sink: string,
    name: string,
  ): Promise<void> {
    const { kind } = action;
    const queue = this.spool.queue(sink);
    const model = this.#models.get(sink)!;
    const bytes = await queue.read(name);
    queue.release(name);
    if (bytes === undefined || name.endsWith('.lost')) return;
    const identity = identityOf(bytes);
    if (kind === 'damage') return this.#damage(action, model, name, bytes);
    const fate = model.fates.get(Number.parseInt(identity, 10))!;
    const before = fate.allowed.filter((set) => set.includes(identity));
    const without = before.map((set) => set.filter((one) => one !== identity));
    if (kind === 'replace') return this.#replace(sink, name, bytes, before);
    // Neither is synced: after a power cut the file may be back.
    fate.allowed = [...before, ...without];
    if (kind === 'remove') {
      model.leave(identity, fate);
      await this.#remove(queue, name, () => model.gone.delete(identity));
      model.acknowledged.add(identity);
    } else {
      this.#mayEvict(fate);
      await queue.quarantine(name, 'a test');
    }
    expect(queue.oldest(Number.POSITIVE_INFINITY)).not.toContain(name);
  }

  /** `onRefused`: the disk did not let go of it, so it may still come into a report. */
  async #remove(queue: SinkQueue, name: string, onRefused: () => void): Promise<void> {
    try {
      await queue.remove(name);
    } catch (error) {
      const isPending = queue.oldest(Number.POSITIVE_INFINITY).includes(name);
      if (error instanceof OperationalError && isPending) onRefused();
      throw error;
    }
  }

  /** A whole batch is the same file for all that owe it. */
  #damage(action: Action & { kind: 'damage' }, model: SinkModel, name: string, bytes: Uint8Array): void {
    const path = `${model.folder}/${name}`;
    const [file] = this.disk.contents([path]);
    const owing = [...this.#models].filter(([sink, { folder }]) => {
      if (![...this.spool.queue(sink).index.names()].includes(name)) return false;
      return this.disk.contents([path, `${folder}/${name}`]).length === 1;
    });
    expect(file).toBeDefined();
    const damage = this.#spoil(path, action, labelBytes(bytes));
    const identity = identityOf(bytes);
    for (const [, each] of owing) {
      const fate = each.fates.get(Number.parseInt(identity, 10))!;
      const before = fate.allowed.filter((set) => set.includes(identity));
      if (damage !== 'none') fate.allowed = before.map((set) => set.filter((one) => one !== identity));
      if (damage === 'of the label') each.leave(identity, fate);
    }
  }

  #spoil(
    path: string,
    { how, at }: Action & { kind: 'damage' },
    label: number,
  ): 'none' | 'of the rest' | 'of the label' {
    let [before, after]: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
    this.disk.rewrite(path, (content) => {
      before = content.slice();
      after = DAMAGES[how](content, Math.floor(at * content.length));
      return after;
    });
    const isSame = (from: number, to: number) => Buffer.compare(before.slice(from, to), after.slice(from, to)) === 0;
    if (isSame(0, before.length)) return 'none';
    const isLabelWhole = isSame(0, REST_DIGEST_AT) && isSame(SPOOL_HEADER_BYTES, SPOOL_HEADER_BYTES + label);
    return isLabelWhole ? 'of the rest' : 'of the label';
  }

  async #replace(sink: string, name: string, bytes: Uint8Array, before: readonly (readonly string[])[]): Promise<void> {
    const pieces = splitBatch(bytes);
    if (pieces === undefined) return;
    const identity = identityOf(bytes);
    const model = this.#models.get(sink)!;
    const fate = model.fates.get(Number.parseInt(identity, 10))!;
    const after = before.map((set) => set.flatMap((one) => (one === identity ? pieces.map(identityOf) : [one])));
    fate.allowed = [...before, ...after];
    for (const piece of pieces) this.#remember(piece);
    await this.spool.queue(sink).replace(name, pieces);
    fate.allowed = after;
  }

  #failFrom(failure: NonNullable<Step['failure']>): void {
    let operations = 0;
    this.disk.fault = (operation, path) => {
      if (operations++ >= failure.at && failure.operations.includes(operation))
        throw fileSystemError(failure.code, path);
    };
  }

  #endCut(isKill: boolean): void {
    if (isKill) {
      this.disk.revive();
      return;
    }
    this.disk.restart();
    for (const { acknowledged } of this.#models.values()) acknowledged.clear();
  }

  /** Power may go again while the spool is opened. */
  #reopenAfterCuts(cutAt: number | undefined): void {
    this.disk.operationsLeft = cutAt === undefined || cutAt % 2 === 0 ? -1 : cutAt;
    try {
      this.spool = this.#open();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.#endCut(false);
      this.spool = this.#open();
    }
    this.disk.operationsLeft = -1;
  }

  /** Each time another process; those before are dead. */
  #open(): Spool {
    const self = ++this.#processes;
    const bound = () => this.#bytesMax;
    const spool = Spool.open({
      disk: this.disk,
      folder: FOLDER,
      sinks: this.#sinks,
      get bytesMax() {
        return bound();
      },
      quarantineBytesMax: Number.MAX_SAFE_INTEGER,
      now: () => 1_700_000_000_000 + self,
      lock: freeLock,
      events: { onEvicting: () => {}, onEvicted: () => {}, onQuarantined: () => {} },
      sizesAtOnce: 2,
    });
    // Until the names are known nobody works in the folder; the sizes are learnt amid all actions.
    while (!spool.isListed) spool.readSome();
    return spool;
  }
}

/** What may be left where some went into a report. */
function subsetsOf(set: readonly string[]): string[][] {
  return Array.from({ length: 2 ** set.length }, (_, chosen) =>
    set.filter((_one, index) => (chosen >> index) % 2 === 1),
  );
}

/** It stands last, so in the last piece of all. */
function bringsLedger(identity: string): boolean {
  return /^\d+(?:\.1*)?$/.test(identity);
}

function ledgerOf(part: number): Ledger {
  const metered = { packets: part + 4, bytes: 0 };
  return { ...createLedger([]), metered, excluded: { [`batch ${part}`]: { packets: 1, bytes: 0 } } };
}

function byAge(left: string, right: string): number {
  const difference = Number.parseInt(left, 10) - Number.parseInt(right, 10);
  return difference !== 0 ? difference : left < right ? -1 : 1;
}

/**
 * Seeds that failed once: pieces that outlived their whole, reports that a power cut took, what mutants of the code failed at, and a
 * batch whose removal failed before it was quarantined.
 */
const KEPT_SEEDS: readonly number[] = [496069766, 528484267, 384119728, -247538832, -694093020, 216869272];

describe.each([{ sinks: ['cls'] }, { sinks: ['cls', 'other'] }])('with the sinks $sinks', ({ sinks }) => {
  test.each([undefined, ...KEPT_SEEDS])(
    'whatever happens to it, the spool holds what the model allows (seed %s)',
    async (seed) => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.array(step, { minLength: 1, maxLength: 25 }), async (diskSeed, steps) => {
          const world = new World(diskSeed, sinks);
          for (const one of steps) await world.take(one);
        }),
        { numRuns: 300, ...(seed === undefined ? {} : { seed }) },
      );
    },
  );
});
