/**
 * Text with colours and cursor movements of our own. The sequences are a closed list and the text between them is made visible,
 * so nothing foreign in it acts on a terminal. A plain string is text without any sequence.
 */
import { visibleLines } from './visible-text.ts';

const SEQUENCES = {
  plain: '\u001b[0m',
  bold: '\u001b[1m',
  dim: '\u001b[2m',
  inverse: '\u001b[7m',
  green: '\u001b[32m',
  red: '\u001b[1;31m',
  yellow: '\u001b[1;33m',
  /** The other screen of a terminal, without cursor and line wrap. */
  enterScreen: '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J',
  leaveScreen: '\u001b[?7h\u001b[?25h\u001b[?1049l',
  home: '\u001b[H',
  clearLine: '\u001b[K',
  clearBelow: '\u001b[J',
  nextLine: '\r\n',
  eraseLine: '\r\u001b[K',
} as const;

type Sequence = keyof typeof SEQUENCES;
export type Style = 'bold' | 'dim' | 'inverse' | 'green' | 'red' | 'yellow';
export type Text = string | StyledText;

/** Made by the functions below alone. */
class StyledText {
  readonly raw: string;

  constructor(raw: string) {
    this.raw = raw;
  }
}

export function sequence(name: Sequence): Text {
  return new StyledText(SEQUENCES[name]);
}

export function styled(style: Style, text: Text): Text {
  return new StyledText(SEQUENCES[style] + terminalText(text) + SEQUENCES.plain);
}

/** A string where all parts are strings. */
export function joinText(parts: readonly Text[], separator: Text = ''): Text {
  if (typeof separator === 'string' && parts.every((part) => typeof part === 'string')) return parts.join(separator);
  return new StyledText(parts.map(terminalText).join(terminalText(separator)));
}

/** What is written for a text. */
export function terminalText(text: Text): string {
  return typeof text === 'string' ? visibleLines(text) : text.raw;
}
