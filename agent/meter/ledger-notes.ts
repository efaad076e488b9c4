/**
 * A window's ledger, noted down in a mapped file once a round, so that it outlives the process. There are two copies, written
 * in turn, each between two equal sequence numbers: whatever a kill interrupts, the other copy is whole.
 *
 *     copy = sequence numbers(NUMBERS) excluded(packets bytes, for each rule) gaps(count, then from to reason) sequence
 *
 * All words are float64. A note is as old as the round before the last word from its writer: packets that were counted since
 * are in the slots, but what was excluded, refused or dropped since is not in the note.
 */
import { createLedger, GAP_REASONS, type Gap, type Ledger } from '../model/ledger.ts';
import { PAGE_BYTES } from './header-block.ts';

/** What stands in a note beside rules and gaps, in this order. */
const NUMBERS = [
  'meteredPackets',
  'meteredBytes',
  'coarsenedPackets',
  'coarsenedBytes',
  'notIpPackets',
  'notIpBytes',
  'malformedPackets',
  'malformedBytes',
  'overflowedPackets',
  'overflowedBytes',
  'droppedByKernel',
  'droppedByInterface',
  'dropsUnknown',
  'rejectsLost',
  'isClosed',
] as const;

/** Gaps in one note; further ones are joined to the last, with the time between them: a note may overstate a gap, never hide one. */
export const NOTED_GAPS_MAX = 16;
const GAP_WORDS = 3;
const RULES_AT = 1 + NUMBERS.length + 1;

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

export type FoundNote =
  | { readonly kind: 'note'; readonly ledger: Ledger; readonly untilSeconds: number; readonly isClosed: boolean }
  | { readonly kind: 'damaged' };

function copyWords(rules: number): number {
  return RULES_AT + 2 * rules + 1 + NOTED_GAPS_MAX * GAP_WORDS + 1;
}

/** Of both copies. */
export function noteBytes(rules: number): number {
  return 2 * copyWords(rules) * Float64Array.BYTES_PER_ELEMENT;
}

/** Of both copies in a file: whole pages. */
export function noteRoom(rules: number): number {
  return Math.ceil(noteBytes(rules) / PAGE_BYTES) * PAGE_BYTES;
}

/** Hot: once a round for each open window. */
export class LedgerNotes {
  readonly #words: Float64Array;
  readonly #ruleNames: readonly string[];
  #sequence = 0;

  /** @param words both copies, zeroed by whoever made them */
  constructor(words: Float64Array, ruleNames: readonly string[]) {
    this.#words = words;
    this.#ruleNames = ruleNames;
  }

  write(ledger: Ledger, gaps: readonly Gap[], progress: Progress): void {
    const words = this.#words;
    const length = copyWords(this.#ruleNames.length);
    this.#sequence += 1;
    const start = this.#sequence % 2 === 0 ? length : 0;
    let at = start;
    words[at++] = this.#sequence;
    const tallies = [ledger.metered, ledger.coarsened, ledger.notIp, ledger.malformed, ledger.overflowed];
    for (const tally of tallies) {
      words[at++] = tally.packets;
      words[at++] = tally.bytes;
    }
    words[at++] = ledger.droppedByKernel + progress.droppedByKernel;
    words[at++] = ledger.droppedByInterface + progress.droppedByInterface;
    words[at++] = ledger.dropsUnknown ? 1 : 0;
    words[at++] = ledger.rejectsLost;
    words[at++] = progress.isClosed ? 1 : 0;
    words[at++] = progress.untilSeconds;
    for (const name of this.#ruleNames) {
      const tally = ledger.excluded[name]!;
      words[at++] = tally.packets;
      words[at++] = tally.bytes;
    }
    this.#writeGaps(at, gaps);
    words[start + length - 1] = this.#sequence;
  }

  #writeGaps(at: number, gaps: readonly Gap[]): void {
    const words = this.#words;
    const count = Math.min(gaps.length, NOTED_GAPS_MAX);
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
export function readNotes(words: Float64Array, ruleNames: readonly string[]): FoundNote {
  const length = copyWords(ruleNames.length);
  if (words.length < 2 * length) return { kind: 'damaged' };
  const copies = [words.subarray(0, length), words.subarray(length, 2 * length)];
  const whole = copies.filter((copy) => copy[0] === copy[length - 1] && isNote(copy, ruleNames.length));
  const newest = whole.sort((left, right) => right[0]! - left[0]!)[0];
  return newest === undefined ? { kind: 'damaged' } : toNote(newest, ruleNames);
}

function isNote(copy: Float64Array, rules: number): boolean {
  const until = copy[RULES_AT - 1]!;
  const gapsAt = RULES_AT + 2 * rules;
  const counts = [...copy.subarray(0, RULES_AT - 1), ...copy.subarray(RULES_AT, gapsAt + 1)];
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0) || !Number.isFinite(until)) return false;
  const gaps = copy[gapsAt]!;
  if (gaps > NOTED_GAPS_MAX) return false;
  for (let gap = 0; gap < gaps; gap++) {
    const [from = 0, to = 0, reason = 0] = copy.subarray(gapsAt + 1 + gap * GAP_WORDS);
    if (!(Number.isFinite(from) && Number.isFinite(to) && from <= to) || GAP_REASONS[reason] === undefined)
      return false;
  }
  return true;
}

function toNote(copy: Float64Array, ruleNames: readonly string[]): FoundNote {
  const number = (name: (typeof NUMBERS)[number]) => copy[1 + NUMBERS.indexOf(name)]!;
  const tally = (name: 'metered' | 'coarsened' | 'notIp' | 'malformed' | 'overflowed') => ({
    packets: number(`${name}Packets`),
    bytes: number(`${name}Bytes`),
  });
  const ledger: Ledger = {
    ...createLedger(ruleNames),
    metered: tally('metered'),
    coarsened: tally('coarsened'),
    notIp: tally('notIp'),
    malformed: tally('malformed'),
    overflowed: tally('overflowed'),
    droppedByKernel: number('droppedByKernel'),
    droppedByInterface: number('droppedByInterface'),
    dropsUnknown: number('dropsUnknown') === 1,
    rejectsLost: number('rejectsLost'),
  };
  let at = RULES_AT;
  for (const name of ruleNames) ledger.excluded[name] = { packets: copy[at++]!, bytes: copy[at++]! };
  for (let gaps = copy[at++]!; gaps > 0; gaps--, at += GAP_WORDS) {
    ledger.gaps.push({ fromSeconds: copy[at]!, toSeconds: copy[at + 1]!, reason: GAP_REASONS[copy[at + 2]!]! });
  }
  return { kind: 'note', ledger, untilSeconds: copy[RULES_AT - 1]!, isClosed: number('isClosed') === 1 };
}
