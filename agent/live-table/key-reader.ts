/**
 * Keys out of what a terminal sends. One chunk may hold several, and a special key is a sequence that may come in pieces (ECMA-48, 5.4):
 *
 *     ESC [ 5 ~     parameters 0x30-0x3f, intermediates 0x20-0x2f, and a final byte 0x40-0x7e
 *     ESC O A       one character
 *     ESC           the key itself, where nothing follows
 *
 * However the text is split, its keys are the same. A sequence without an end is skipped, so what follows it is read as it stands; what is unread
 * is never longer than a sequence may be.
 */
export const ESCAPE = '\u001b';

export type NamedKey = 'up' | 'down' | 'home' | 'end' | 'page up' | 'page down';

export interface Keys {
  /** Characters, and names of special keys. Sequences of other keys are left out. */
  readonly keys: readonly string[];
  /** The beginning of a sequence, or an Escape after which one may come. */
  readonly unread: string;
}

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: sequences begin with one
const SEQUENCE = /\u001b(?:\[[0-?]{0,16}[ -/]{0,4}[@-~]|O[ -~])/y;
const BEGINNING = /\u001b(?:\[[0-?]{0,16}[ -/]{0,4}|O)?/y;
const LETTERED = /^\u001b(?:\[(?:1;\d+)?|O)([ABFH])$/;
const NUMBERED = /^\u001b\[([145678])(?:;\d+)?~$/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: sequences begin with one

const LETTERS: Readonly<Record<string, NamedKey>> = { A: 'up', B: 'down', F: 'end', H: 'home' };
const NUMBERS: Readonly<Record<string, NamedKey>> = {
  1: 'home',
  4: 'end',
  5: 'page up',
  6: 'page down',
  7: 'home',
  8: 'end',
};

/** @param unread what the call before has left */
export function readKeys(unread: string, chunk: string): Keys {
  const text = unread + chunk;
  const keys: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(at)!);
    if (character !== ESCAPE) {
      keys.push(character);
      at += character.length;
      continue;
    }
    const sequence = matchAt(SEQUENCE, text, at);
    const beginning = matchAt(BEGINNING, text, at)!;
    if (sequence === undefined && at + beginning.length === text.length) return { keys, unread: beginning };
    if (sequence !== undefined) keys.push(...named(sequence));
    else if (beginning === ESCAPE) keys.push(ESCAPE);
    at += (sequence ?? beginning).length;
  }
  return { keys, unread: '' };
}

/** Nothing came after what is unread: it was the Escape key. */
export function settleKeys(unread: string): readonly string[] {
  return [...unread];
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function named(sequence: string): readonly NamedKey[] {
  const key = LETTERS[LETTERED.exec(sequence)?.[1] ?? ''] ?? NUMBERS[NUMBERED.exec(sequence)?.[1] ?? ''];
  return key === undefined ? [] : [key];
}
