/**
 * Reads the open windows once a second while somebody follows them, for all followers together, in the recorder's thread: it has the tables of a
 * closed window when its last increments are due, and may be late where the data plane may not. The data plane does nothing for it, and
 * does not know of it.
 *
 * A step costs at most two copies of `BYTES_MAX` of tables and `FLOWS_MAX` printed rows. Windows beyond that have their turn with the
 * next step, flows too, and what is left of a window when it closes comes then, up to `FLOWS_MAX` of its flows; the rest is counted. The copies
 * from which the next increments are taken have `HELD_BYTES_MAX` together; windows for which nothing is left, or no memory, are not read and counted.
 * Of a window that was open at the beginning only what came since its first reading is told, and nothing where there was none. Without followers
 * nothing is read and nothing is held.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HashSeed } from '../flow/hash.ts';
import type { TableSlots } from '../flow/table-cursor.ts';
import { OpenWindow } from '../meter/open-window.ts';
import { SettledSlots } from '../meter/settled-slots.ts';
import { parseWindowFileName, stemOf } from '../meter/window-file.ts';
import type { ClosedWindow } from '../model/closed-window.ts';
import type { LiveStep } from '../model/live-feed.ts';
import { isSystemError } from '../model/system-error.ts';
import { type LiveRowsOptions, type LiveWindow, printIncrements } from './live-rows.ts';
import { StepRows } from './live-step.ts';

export const LIVE_BYTES_MAX = 64 * 1024 ** 2;
export const LIVE_HELD_BYTES_MAX = 128 * 1024 ** 2;
export const LIVE_FLOWS_MAX = 8192;

export interface LiveReadingOptions extends LiveRowsOptions {
  /** Where the files of windows are, in the order in which they are looked for. */
  readonly folders: readonly string[];
  readonly hashSeed: HashSeed;
  readonly emit: (step: LiveStep) => void;
  readonly nowSeconds: () => number;
  readonly bytesMax?: number;
  readonly heldBytesMax?: number;
  readonly flowsMax?: number;
}

interface Followed {
  readonly window: OpenWindow;
  /** Undefined until the first reading of a window that was open at the beginning. */
  before: readonly TableSlots[] | undefined;
}

export class LiveReading {
  readonly #options: LiveReadingOptions;
  readonly #settled = new SettledSlots();
  readonly #followed = new Map<string, Followed>();
  /** Stems of windows that were closed, as long as their files are there. */
  readonly #closed = new Set<string>();
  #isOn = false;
  #begunAt = 0;
  #heldBytes = 0;
  /** Whose turn comes first. */
  #turn = 0;

  constructor(options: LiveReadingOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** From here on: what the windows have by now is no increment. */
  begin(): void {
    this.#isOn = true;
    this.#begunAt = this.#options.nowSeconds();
    for (const [stem, paths] of this.#files()) {
      const followed: Followed = { window: new OpenWindow(this.#settled), before: undefined };
      this.#followed.set(stem, followed);
      this.#hold(followed, this.#slotsOf(followed, paths, this.#bytesMax));
    }
  }

  end(): void {
    this.#isOn = false;
    this.#followed.clear();
    this.#heldBytes = 0;
    this.#closed.clear();
  }

  step(): void {
    const startedAt = performance.now();
    const { unsettled } = this.#settled;
    const files = this.#files();
    const steps = new StepRows();
    let bytesLeft = this.#bytesMax;
    const turns = rotated([...files], this.#turn++);
    for (const [stem, paths] of turns) {
      const bytes = this.#read(stem, paths, bytesLeft, steps);
      bytesLeft -= bytes ?? 0;
      if (bytes === undefined) steps.unreadWindows++;
    }
    const milliseconds = performance.now() - startedAt;
    this.#options.emit(steps.step(this.#settled.unsettled - unsettled, milliseconds));
  }

  /** The rest of a window. @param slots its tables, which nobody writes to any more */
  closed(window: ClosedWindow, slots: readonly TableSlots[]): void {
    if (!this.#isOn) return;
    const startedAt = performance.now();
    const stem = stemOf({ ...window, runId: this.#options.runId });
    const before = this.#beforeEnd(stem, window);
    this.#forget(stem);
    this.#closed.add(stem);
    const steps = new StepRows();
    const printed = before && unlessOutOfMemory(() => this.#print(window, slots, before, this.#flowsMax, true));
    if (printed === undefined) steps.unreadWindows++;
    else steps.addLast(printed);
    this.#options.emit(steps.step(0, performance.now() - startedAt));
  }

  /** Undefined where what came since the beginning is not known. */
  #beforeEnd(stem: string, { windowStart, files = [] }: ClosedWindow): readonly TableSlots[] | undefined {
    const followed = this.#followed.get(stem);
    if (followed !== undefined) return followed.before;
    const isMemoryOnly = files.length === 0;
    return isMemoryOnly && windowStart < this.#begunAt ? undefined : [];
  }

  /** Answers the bytes that were read; undefined where the window could not be. */
  #read(stem: string, paths: readonly string[], bytesMax: number, steps: StepRows): number | undefined {
    const followed = this.#followed.get(stem) ?? { window: new OpenWindow(this.#settled), before: [] };
    this.#followed.set(stem, followed);
    const slots = this.#slotsOf(followed, paths, bytesMax);
    const { window } = followed.window;
    if (slots === undefined || window === undefined) return undefined;
    const { before } = followed;
    const flowsLeft = Math.max(0, this.#flowsMax - steps.flows);
    const printed = before && unlessOutOfMemory(() => this.#print(window, slots, before, flowsLeft));
    if (before !== undefined && printed === undefined) return undefined;
    this.#hold(followed, slots);
    if (printed !== undefined) steps.add(printed);
    return bytesOf(slots);
  }

  /** Undefined where they cannot be read now, or are more than may be read or held. */
  #slotsOf(
    { window, before }: Followed,
    paths: readonly string[],
    bytesMax: number,
  ): readonly TableSlots[] | undefined {
    const { heldBytesMax = LIVE_HELD_BYTES_MAX } = this.#options;
    const left = heldBytesMax - (this.#heldBytes - bytesOf(before));
    return unlessOutOfMemory(() => window.read(paths, Math.min(bytesMax, left)));
  }

  #hold(followed: Followed, slots: readonly TableSlots[] | undefined): void {
    this.#heldBytes += bytesOf(slots) - bytesOf(followed.before);
    followed.before = slots;
  }

  #forget(stem: string): void {
    const followed = this.#followed.get(stem);
    if (followed !== undefined) this.#hold(followed, undefined);
    this.#followed.delete(stem);
  }

  #print(
    window: LiveWindow,
    now: readonly TableSlots[],
    before: readonly TableSlots[],
    flowsMax: number,
    isLast = false,
  ) {
    const { hashSeed } = this.#options;
    return printIncrements(window, { now, before, hashSeed, flowsMax, isLast, turn: this.#turn }, this.#options);
  }

  /** By stem, the paths of the windows of this run that are open. */
  #files(): ReadonlyMap<string, readonly string[]> {
    const files = new Map<string, Map<number, string>>();
    for (const folder of this.#options.folders) {
      for (const name of namesIn(folder)) {
        const parsed = parseWindowFileName(name);
        if (parsed?.runId !== this.#options.runId) continue;
        const parts = files.get(parsed.stem) ?? new Map<number, string>();
        // In a later folder it is a copy.
        if (!parts.has(parsed.part)) parts.set(parsed.part, join(folder, name));
        files.set(parsed.stem, parts);
      }
    }
    for (const stem of this.#closed) if (!files.has(stem)) this.#closed.delete(stem);
    for (const stem of this.#closed) files.delete(stem);
    for (const stem of this.#followed.keys()) if (!files.has(stem)) this.#forget(stem);
    return new Map(
      [...files].map(([stem, parts]) => [stem, [...parts].sort(([a], [b]) => a - b).map(([, path]) => path)]),
    );
  }

  get #bytesMax(): number {
    return this.#options.bytesMax ?? LIVE_BYTES_MAX;
  }

  get #flowsMax(): number {
    return this.#options.flowsMax ?? LIVE_FLOWS_MAX;
  }
}

/** A folder that is not there has no windows. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return [];
  }
}

function bytesOf(slots: readonly TableSlots[] = []): number {
  return slots.reduce((sum, { words, further }) => sum + words.byteLength + (further?.byteLength ?? 0), 0);
}

/** V8 throws a RangeError for an array for which there is no memory. */
function unlessOutOfMemory<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

function rotated<Item>(items: readonly Item[], turn: number): readonly Item[] {
  const first = items.length === 0 ? 0 : turn % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
