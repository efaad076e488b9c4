/**
 * The spool against a model: random actions, each of which may be cut short by a power cut at any disk operation, by a full
 * disk or by a failing one; files are damaged anywhere. After each, what is in the spool must be what the model allows, and
 * whoever reads what was delivered, what waits and what was given up must find every packet that was metered.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addLedger, createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { Disk } from '../../../agent/spool/disk.ts';
import { Spool } from '../../../agent/spool/spool.ts';
import { readSpoolFile, SPOOL_HEADER_BYTES } from '../../../agent/spool/spool-file.ts';
import { FlowBatchReader, labelBytes, splitBatch, sumRecords } from '../../../agent/wire/flow-batch-reader.ts';
import { CrashingDisk, fileSystemError, PowerCut } from '../../support/crashing-disk.ts';
import { freeLock } from '../../support/free-lock.ts';
import { batchOf, identityOf } from '../../support/spool-batches.ts';

type Action =
  | { readonly kind: 'write'; readonly count: number }
  | { readonly kind: 'remove' | 'quarantine' | 'replace'; readonly which: number }
  /** `at`: which share of the file stands before the damage. */
  | { readonly kind: 'damage'; readonly which: number; readonly how: keyof typeof DAMAGES; readonly at: number }
  /** The bound sinks to this many blocks for a moment. */
  | { readonly kind: 'drop'; readonly blocks: number }
  | { readonly kind: 'kill' | 'cut' };

interface Step {
  readonly action: Action;
  /** The power goes at this operation of the action; beyond its last one: not at all. */
  readonly cutAt: number | undefined;
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
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace' as const), which }) },
  fc.record({ kind: fc.constant('quarantine' as const), which }),
  fc.record({
    kind: fc.constant('damage' as const),
    which,
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
    ['unlink'],
    ['create', 'rename', 'unlink'],
  ),
});
const step: fc.Arbitrary<Step> = fc.record({
  action,
  cutAt: fc.option(fc.nat({ max: 12 }), { nil: undefined, freq: 2 }),
  failure: fc.option(failure, { nil: undefined, freq: 3 }),
  reads: fc.nat({ max: 2 }),
  looks: fc.boolean(),
});

const FOLDER = '/spool';
/** Of a file's header: what is behind it is of the rest, not of the label. */
const REST_DIGEST_AT = 36;

/** What may be found for one batch that was written. */
interface Fate {
  /** The sets of identities that may be there, one of which must be. The empty set: it may be gone. */
  allowed: readonly (readonly string[])[];
  /** It was committed, or found after a restart: it cannot be missing untold. */
  isWritten: boolean;
  /** The service has its ledger, or nobody can know it: it need not be in an account. */
  isExcused: boolean;
  /** It was given up, or may have been: what is missing must be in an account. */
  mayBeGivenUp: boolean;
}

class World {
  readonly disk: CrashingDisk;
  spool: Spool;
  /** By the batch's number, in the order of writing. */
  readonly fates = new Map<number, Fate>();
  /** What was in each whole and each piece: the packets of its records, and those that its ledger says were metered. */
  readonly #packets = new Map<string, { readonly records: number; readonly metered: number }>();
  /** The service has them, or their labels are damaged; and they do not wait any more. */
  readonly #gone = new Set<string>();
  #next = 0;
  /** Where there is no room for an account, memory alone has it until there is: a kill loses it. */
  #isAccountVolatile = false;
  #isAccountLost = false;
  #bytesMax = Number.MAX_SAFE_INTEGER;
  #processes = 0;

  constructor(seed: number) {
    this.disk = new CrashingDisk(seed);
    this.spool = this.#open();
  }

  async take({ action, cutAt, failure, reads, looks }: Step): Promise<void> {
    if (failure !== undefined) this.#failFrom(failure);
    this.#isAccountVolatile = failure?.code === 'ENOSPC';
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
    else if (this.#isAccountVolatile) this.#isAccountLost = true;
    if (cut) {
      this.disk.restart();
      this.#reopenAfterCuts(cutAt);
    } else if (action.kind === 'kill') this.spool = this.#open();
    if (isRestart || looks) await this.check(isRestart);
  }

  async check(restarted: boolean): Promise<void> {
    const { found, accounts } = await this.#contents();
    expect(found).toEqual([...found].sort(byAge));
    expect(new Set(found).size).toBe(found.length);
    for (const [part, fate] of this.fates) {
      const present = found.filter((identity) => Number.parseInt(identity, 10) === part);
      const subsets = fate.mayBeGivenUp ? fate.allowed.flatMap(subsetsOf) : fate.allowed;
      expect(
        subsets.map((set) => set.join()),
        `batch ${part}`,
      ).toContain(present.join());
      this.#checkAccounts(part, fate, present, accounts);
      fate.allowed = restarted ? [present] : fate.allowed;
      if (restarted && present.length > 0) fate.isWritten = true;
    }
    if (!this.#isAccountLost) this.#checkPackets(found, accounts);
    const known = new Set([...this.fates.values()].flatMap(({ allowed }) => allowed.flat()));
    expect(found.filter((identity) => !known.has(identity))).toEqual([]);
    if (restarted) expect(this.disk.paths().filter((path) => path.endsWith('.tmp'))).toEqual([]);
  }

  /** A batch's ledger names it, and goes with its last record: whoever gave that up must have it, and nobody twice. */
  #checkAccounts(part: number, fate: Fate, present: readonly string[], accounts: Ledger): void {
    const told = accounts.excluded[`batch ${part}`]?.packets ?? 0;
    const hasLedger = present.some(bringsLedger);
    expect(told, `ledgers of batch ${part} in accounts`).toBeLessThanOrEqual(hasLedger ? 0 : 1);
    if (fate.isWritten && !fate.isExcused) {
      expect(told, `ledger of batch ${part}`).toBe(hasLedger ? 0 : 1);
    }
  }

  /** Packets of the records and packets given up are what was metered. */
  #checkPackets(found: readonly string[], accounts: Ledger): void {
    // The service may have it, but the spool does not know that: it may still be given up.
    for (const identity of found) this.#gone.delete(identity);
    let missing = accounts.metered.packets - accounts.evicted.packets;
    for (const identity of [...found, ...this.#gone]) {
      const { records, metered } = this.#packets.get(identity)!;
      missing += metered - records;
    }
    expect(missing, 'packets that were metered and are told by nobody').toBe(0);
  }

  /** Reads everything, as the exporter would; the accounts as whoever starts next finds them, closed or not. */
  async #contents(): Promise<{ found: string[]; accounts: Ledger }> {
    const found: string[] = [];
    for (const name of this.spool.oldest(Number.POSITIVE_INFINITY)) {
      if (name.endsWith('.lost')) continue;
      const bytes = await this.spool.read(name);
      this.spool.giveBack(name);
      if (bytes !== undefined) found.push(identityOf(bytes));
    }
    const accounts = createLedger([]);
    for (const path of this.disk.paths().filter((each) => /\.lost(-open)?$/.test(each))) {
      const content = readSpoolFile(this.disk.readNow(path));
      if (content.kind === 'whole') {
        addLedger(accounts, (JSON.parse(Buffer.from(content.payload).toString()) as { ledger: Ledger }).ledger);
      }
    }
    return { found, accounts };
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'write':
        return this.#write(action.count);
      case 'drop':
        for (const fate of this.fates.values()) this.#mayGiveUp(fate);
        this.#bytesMax = action.blocks * 4096;
        return this.spool.sweep();
      case 'kill':
      case 'cut':
        return;
      default: {
        const names = this.spool.oldest(Number.POSITIVE_INFINITY);
        const name = names[action.which % Math.max(names.length, 1)];
        if (name !== undefined) await this.#change(action, name);
      }
    }
  }

  #mayGiveUp(fate: Fate): void {
    fate.mayBeGivenUp = true;
    if (this.#isAccountVolatile) fate.isExcused = true;
  }

  #write(count: number): void {
    const parts = Array.from({ length: count }, () => this.#next++);
    for (const part of parts) {
      this.fates.set(part, { allowed: [[], [`${part}`]], isWritten: false, isExcused: false, mayBeGivenUp: false });
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
    for (const part of parts) Object.assign(this.fates.get(part)!, { allowed: [[`${part}`]], isWritten: true });
  }

  #remember(batch: Uint8Array): void {
    const reader = new FlowBatchReader(batch);
    const metered = reader.ledger?.metered.packets ?? 0;
    this.#packets.set(identityOf(batch), { records: sumRecords(reader).packets, metered });
  }

  #expectNotListed(parts: readonly number[]): void {
    expect(this.spool.backlog().batches).toBe(this.spool.oldest(Number.POSITIVE_INFINITY).length);
    for (const part of parts) this.fates.get(part)!.allowed = [[], [`${part}`]];
  }

  async #change(action: Exclude<Action, { kind: 'write' | 'drop' | 'kill' | 'cut' }>, name: string): Promise<void> {
    const { kind } = action;
    const bytes = await this.spool.read(name);
    this.spool.giveBack(name);
    if (bytes === undefined || name.endsWith('.lost')) return;
    const identity = identityOf(bytes);
    const fate = this.fates.get(Number.parseInt(identity, 10))!;
    const before = fate.allowed.filter((set) => set.includes(identity));
    const without = before.map((set) => set.filter((one) => one !== identity));
    if (kind === 'damage') {
      const damage = this.#damage(`${FOLDER}/${name}`, action, labelBytes(bytes));
      if (damage !== 'none') fate.allowed = without;
      if (damage === 'of the label') this.#leave(identity, fate);
      return;
    }
    if (kind === 'replace') return this.#replace(name, bytes, fate, before);
    // Neither is synced: after a power cut the file may be back.
    fate.allowed = [...before, ...without];
    if (kind === 'remove') {
      this.#leave(identity, fate);
      await this.spool.remove(name);
    } else {
      this.#mayGiveUp(fate);
      await this.spool.quarantine(name, 'a test');
    }
    expect(this.spool.oldest(Number.POSITIVE_INFINITY)).not.toContain(name);
  }

  /** Nobody needs to tell of it any more, or nobody can. */
  #leave(identity: string, fate: Fate): void {
    this.#gone.add(identity);
    if (bringsLedger(identity)) fate.isExcused = true;
  }

  #damage(
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

  async #replace(name: string, bytes: Uint8Array, fate: Fate, before: readonly (readonly string[])[]): Promise<void> {
    const pieces = splitBatch(bytes);
    if (pieces === undefined) return;
    const identity = identityOf(bytes);
    const after = before.map((set) => set.flatMap((one) => (one === identity ? pieces.map(identityOf) : [one])));
    fate.allowed = [...before, ...after];
    for (const piece of pieces) this.#remember(piece);
    await this.spool.replace(name, pieces);
    fate.allowed = after;
  }

  #failFrom(failure: NonNullable<Step['failure']>): void {
    let operations = 0;
    this.disk.fault = (operation, path) => {
      if (operations++ >= failure.at && failure.operations.includes(operation))
        throw fileSystemError(failure.code, path);
    };
  }

  /** Power may go again while the spool is opened. */
  #reopenAfterCuts(cutAt: number | undefined): void {
    this.disk.operationsLeft = cutAt === undefined || cutAt % 2 === 0 ? -1 : cutAt;
    try {
      this.spool = this.#open();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.disk.restart();
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
      get bytesMax() {
        return bound();
      },
      quarantineBytesMax: Number.MAX_SAFE_INTEGER,
      now: () => 1_700_000_000_000 + self,
      lock: freeLock,
      events: { onDropping: () => {}, onDropped: () => {}, onQuarantined: () => {} },
      sizesAtOnce: 2,
    });
    // Until the names are known nobody works in the folder; the sizes are learnt amid all actions.
    while (!spool.isListed) spool.readSome();
    return spool;
  }
}

/** What may be left where some went into an account. */
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

/** Seeds that failed once: pieces that outlived their whole, accounts that a power cut took, and what mutants of the code failed at. */
const KEPT_SEEDS: readonly number[] = [496069766, 528484267, 384119728, -247538832, -694093020];

test.each([undefined, ...KEPT_SEEDS])(
  'whatever happens to it, the spool holds what the model allows (seed %s)',
  async (seed) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(step, { minLength: 1, maxLength: 25 }), async (diskSeed, steps) => {
        const world = new World(diskSeed);
        for (const one of steps) await world.take(one);
      }),
      { numRuns: 600, ...(seed === undefined ? {} : { seed }) },
    );
  },
);
