/**
 * What a terminal shows after it was written to: the control sequences that a live screen uses, with line wrap off. After a
 * character in the last column the cursor stays there, so what follows goes over it, and clearing to the end of the line takes it.
 */
export class TerminalCells {
  readonly #columns: number;
  readonly #rows: string[][];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = Array.from({ length: rows }, () => blank(columns));
  }

  get lines(): readonly string[] {
    return this.#rows.map((cells) => cells.join('').trimEnd());
  }

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a control sequence, or one character
    for (const [, sequence, final, character] of text.matchAll(/\u001b\[([?\d;]*)([A-Za-z])|(.)/gsu)) {
      if (character === undefined) this.#obey(`${sequence}${final}`);
      else if (character === '\r') this.#column = 0;
      else if (character === '\n') this.#row = Math.min(this.#row + 1, this.#rows.length - 1);
      else this.#put(character);
    }
  }

  #obey(sequence: string): void {
    if (sequence === 'H') [this.#row, this.#column] = [0, 0];
    else if (sequence === 'K') this.#clearLine();
    else if (sequence === 'J') {
      this.#clearLine();
      for (let row = this.#row + 1; row < this.#rows.length; row++) this.#rows[row] = blank(this.#columns);
    } else if (sequence === '2J') for (const row of this.#rows.keys()) this.#rows[row] = blank(this.#columns);
    else if (!/^(?:[\d;]*m|\?(?:7|25|1049)[hl])$/.test(sequence)) throw new Error(`unknown sequence ESC [ ${sequence}`);
  }

  #clearLine(): void {
    this.#rows[this.#row]!.fill(' ', this.#column);
  }

  #put(character: string): void {
    this.#rows[this.#row]![this.#column] = character;
    this.#column = Math.min(this.#column + 1, this.#columns - 1);
  }
}

function blank(columns: number): string[] {
  return Array.from({ length: columns }, () => ' ');
}
