/**
 * The snapshot of a live window's ledger: written into a mapped file once a round, so that it outlives the process. There are two
 * copies, written in turn, each between two equal sequence numbers: whatever a kill interrupts, the other copy is whole.
 *
 *     copy = sequence numbers isClosed untilSeconds excluded(packets bytes, for each rule) gaps(count, then from to reason) sequence
 *
 * All words are float64. Which numbers it has, and in which order, is in the header of the file (`SnapshotShape`): a tally takes two words,
 * others one. A snapshot is as old as the round before the last word from its writer: packets that were counted since are in the
 * slots, but what was excluded, refused or dropped since is not in the snapshot.
 */
import { LEDGER_ROWS, type LedgerRow } from '../../schema/ledger-numbers.ts';
import { createLedger, GAP_REASONS, type Gap, type Ledger } from '../model/ledger.ts';
import { PAGE_BYTES } from './header-block.ts';

/** What the words of a snapshot stand for. */
export interface SnapshotShape {
  /** The numbers, in their order, by their fields in `proto/flowlog.proto`; without them those of layout 3. */
  readonly numbers?: readonly number[];
  readonly ruleNames: readonly string[];
}

/** The numbers of this version. */
export const SNAPSHOT_NUMBERS: readonly number[] = LEDGER_ROWS.map(({ field }) => field);
/** Of layout 3, whose header does not say them: metered, coarsened, not IP, malformed, overflowed, drops, rejects lost. */
const NUMBERS_OF_LAYOUT_3: readonly number[] = [1, 10, 3, 4, 5, 6, 7, 8, 15];

/** Gaps in one snapshot; further ones are joined to the last, with the time between them: it may overstate a gap, never hide one. */
export const SNAPSHOT_GAPS_MAX = 16;
const GAP_WORDS = 3;

/** How far the writer had come. */
export interface Progress {
  /** Unix seconds: everything of the window that arrived a grace earlier has been taken in. */
  readonly untilSeconds: number;
  /** Nothing more of the window was to come. */
  readonly isClosed: boolean;
  /** Drops that the ledger does not know yet. */
  readonly droppedByKernel: number;
  readonly droppedByInterface: number;
}

export type FoundSnapshot =
  | { readonly kind: 'snapshot'; readonly ledger: Ledger; readonly untilSeconds: number; readonly isClosed: boolean }
  /** It has numbers that this version does not know. */
  | { readonly kind: 'newer'; readonly numbers: readonly number[] }
  | { readonly kind: 'damaged' };

/** Of both copies in a file: whole pages. */
export function snapshotRoom(shape: SnapshotShape): number {
  return Math.ceil(snapshotBytes(shape) / PAGE_BYTES) * PAGE_BYTES;
}

/** Of both copies. */
export function snapshotBytes(shape: SnapshotShape): number {
  return 2 * layoutOf(shape).words * Float64Array.BYTES_PER_ELEMENT;
}

/** Where the parts of a copy begin, in words. */
interface Layout {
  readonly rows: readonly LedgerRow[];
  readonly closedAt: number;
  readonly rulesAt: number;
  readonly gapsAt: number;
  readonly words: number;
}

function layoutOf({ numbers = NUMBERS_OF_LAYOUT_3, ruleNames }: SnapshotShape): Layout {
  const rows = numbers.flatMap((number) => LEDGER_ROWS.filter(({ field }) => field === number));
  const closedAt = 1 + rows.reduce((sum, { kind }) => sum + (kind === 'tally' ? 2 : 1), 0);
  const rulesAt = closedAt + 2;
  const gapsAt = rulesAt + 2 * ruleNames.length;
  return { rows, closedAt, rulesAt, gapsAt, words: gapsAt + 1 + SNAPSHOT_GAPS_MAX * GAP_WORDS + 1 };
}

/** Hot: once a round for each open window. */
export class LedgerSnapshot {
  readonly #words: Float64Array;
  readonly #ruleNames: readonly string[];
  readonly #layout: Layout;
  #sequence = 0;

  /** @param words both copies, zeroed by whoever made them, of the numbers of this version */
  constructor(words: Float64Array, ruleNames: readonly string[]) {
    this.#words = words;
    this.#ruleNames = ruleNames;
    this.#layout = layoutOf({ numbers: SNAPSHOT_NUMBERS, ruleNames });
  }

  write(ledger: Ledger, gaps: readonly Gap[], progress: Progress): void {
    const words = this.#words;
    const { words: length, closedAt, rulesAt, gapsAt } = this.#layout;
    this.#sequence += 1;
    const start = this.#sequence % 2 === 0 ? length : 0;
    words[start] = this.#sequence;
    this.#writeNumbers(start + 1, ledger, progress);
    words[start + closedAt] = progress.isClosed ? 1 : 0;
    words[start + closedAt + 1] = progress.untilSeconds;
    let at = start + rulesAt;
    for (const name of this.#ruleNames) {
      const tally = ledger.excluded[name]!;
      words[at++] = tally.packets;
      words[at++] = tally.bytes;
    }
    this.#writeGaps(start + gapsAt, gaps);
    words[start + length - 1] = this.#sequence;
  }

  #writeNumbers(start: number, ledger: Ledger, { droppedByKernel, droppedByInterface }: Progress): void {
    const words = this.#words;
    let at = start;
    for (const row of this.#layout.rows) {
      if (row.kind === 'tally') {
        const tally = ledger[row.name];
        words[at++] = tally.packets;
        words[at++] = tally.bytes;
      } else {
        words[at++] = Number(ledger[row.name]);
        if (row.name === 'droppedByKernel') words[at - 1]! += droppedByKernel;
        else if (row.name === 'droppedByInterface') words[at - 1]! += droppedByInterface;
      }
    }
  }

  #writeGaps(at: number, gaps: readonly Gap[]): void {
    const words = this.#words;
    const count = Math.min(gaps.length, SNAPSHOT_GAPS_MAX);
    words[at] = count;
    for (let index = 0; index < count; index++) {
      const gap = gaps[index]!;
      const joined = index === count - 1 ? gaps.at(-1)! : gap;
      const word = at + 1 + index * GAP_WORDS;
      words[word] = gap.fromSeconds;
      words[word + 1] = Math.max(gap.toSeconds, joined.toSeconds);
      words[word + 2] = GAP_REASONS.indexOf(gap.reason);
    }
  }
}

/** The newest whole copy; a ledger of zeros where none was ever written. */
export function readSnapshot(words: Float64Array, shape: SnapshotShape): FoundSnapshot {
  const unknown = (shape.numbers ?? []).filter((number) => !SNAPSHOT_NUMBERS.includes(number));
  if (unknown.length > 0) return { kind: 'newer', numbers: unknown };
  const layout = layoutOf(shape);
  if (words.length < 2 * layout.words) return { kind: 'damaged' };
  const copies = [words.subarray(0, layout.words), words.subarray(layout.words, 2 * layout.words)];
  const whole = copies.filter((copy) => copy[0] === copy[layout.words - 1] && isSnapshot(copy, layout));
  const newest = whole.sort((left, right) => right[0]! - left[0]!)[0];
  return newest === undefined ? { kind: 'damaged' } : toSnapshot(newest, layout, shape.ruleNames);
}

function isSnapshot(copy: Float64Array, { closedAt, rulesAt, gapsAt }: Layout): boolean {
  const until = copy[closedAt + 1]!;
  const counts = [...copy.subarray(0, closedAt + 1), ...copy.subarray(rulesAt, gapsAt + 1)];
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0) || !Number.isFinite(until)) return false;
  const gaps = copy[gapsAt]!;
  if (gaps > SNAPSHOT_GAPS_MAX) return false;
  for (let gap = 0; gap < gaps; gap++) {
    const [from = 0, to = 0, reason = 0] = copy.subarray(gapsAt + 1 + gap * GAP_WORDS);
    if (!(Number.isFinite(from) && Number.isFinite(to) && from <= to) || GAP_REASONS[reason] === undefined)
      return false;
  }
  return true;
}

function toSnapshot(copy: Float64Array, layout: Layout, ruleNames: readonly string[]): FoundSnapshot {
  const ledger = createLedger(ruleNames);
  readNumbers(copy, layout.rows, ledger);
  let at = layout.rulesAt;
  for (const name of ruleNames) ledger.excluded[name] = { packets: copy[at++]!, bytes: copy[at++]! };
  for (let gaps = copy[at++]!; gaps > 0; gaps--, at += GAP_WORDS) {
    ledger.gaps.push({ fromSeconds: copy[at]!, toSeconds: copy[at + 1]!, reason: GAP_REASONS[copy[at + 2]!]! });
  }
  return { kind: 'snapshot', ledger, untilSeconds: copy[layout.closedAt + 1]!, isClosed: copy[layout.closedAt] === 1 };
}

function readNumbers(copy: Float64Array, rows: readonly LedgerRow[], ledger: Ledger): void {
  let at = 1;
  for (const row of rows) {
    if (row.kind === 'tally') Object.assign(ledger[row.name], { packets: copy[at++]!, bytes: copy[at++]! });
    else if (row.kind === 'count') ledger[row.name] = copy[at++]!;
    else ledger[row.name] = copy[at++] === 1;
  }
}
