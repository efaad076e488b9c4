/**
 * How many cells of a terminal a text takes: ideographs and emoji take two, combining marks none. As far as Unicode's properties
 * say it; terminals differ about the rest.
 */
const ONE_CELL_EACH = /^[\x20-\x7e·…▾]*$/;
const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const COMBINING = /^[\p{Mn}\p{Me}]/u;

export function textWidth(text: string): number {
  if (ONE_CELL_EACH.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - textWidth(text))) + text;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** What of a text fits, the last cell a sign that there was more. */
export function cutEnd(text: string, width: number): string {
  return textWidth(text) <= width ? text : `${firstCells(text, width - 1)}…`;
}

/** The same, with the sign in the middle. */
export function cutMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const front = Math.floor((width - 1) / 2);
  return `${firstCells(text, front)}…${lastCells(text, width - 1 - front)}`;
}

function firstCells(text: string, width: number): string {
  let end = 0;
  let cells = 0;
  for (const character of text) {
    cells += characterWidth(character);
    if (cells > width) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function lastCells(text: string, width: number): string {
  const characters = [...text];
  let start = characters.length;
  let cells = 0;
  while (start > 0 && cells + characterWidth(characters[start - 1]!) <= width) {
    start -= 1;
    cells += characterWidth(characters[start]!);
  }
  return characters.slice(start).join('');
}

function characterWidth(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
