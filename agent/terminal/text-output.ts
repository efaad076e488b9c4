/**
 * Standard output and standard error as commands have them: the last place before a terminal or a pipe, and the one that no
 * text gets around. Strings and bytes are made visible (visible-text.ts); sequences for the terminal exist only as styled text.
 * Formats that are no text go through `writeBinary`, by name.
 */
import { type Text, terminalText } from './styled-text.ts';
import { visible, visibleLines } from './visible-text.ts';

/** A stream that may be a terminal; one that does not know its size, such as a serial line, has 0 `columns` and `rows`. */
export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(data: string | Uint8Array, done?: Done): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export type Done = (error?: Error | null) => void;

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const TILDE = 0x7e;
/** A line feed in front of two spaces continues a message; any other one is foreign. */
const FOREIGN_LINE_FEED = /\n(?! {2})/g;

export class TextOutput {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#stream.columns;
  }

  get rows(): number | undefined {
    return this.#stream.rows;
  }

  /** @param text bytes are UTF-8 of whole characters */
  write(text: Text | Uint8Array, done?: Done): void {
    this.#stream.write(text instanceof Uint8Array ? visibleBytes(text) : terminalText(text), done);
  }

  /** For formats that are no text; callers refuse a terminal. */
  writeBinary(bytes: Uint8Array, done?: Done): void {
    this.#stream.write(bytes, done);
  }

  /** A message of the program on a line of its own, whatever it quotes. */
  writeMessage(message: string): void {
    this.write(`flowlogd: ${message.replace(FOREIGN_LINE_FEED, visible)}\n`);
  }

  onResize(listener: () => void): void {
    this.#stream.on('resize', listener);
  }

  offResize(listener: () => void): void {
    this.#stream.off('resize', listener);
  }
}

/** Millions of records are ASCII, and are written as they are. */
function visibleBytes(bytes: Uint8Array): Uint8Array {
  return isPrintableAscii(bytes) ? bytes : Buffer.from(visibleLines(new TextDecoder().decode(bytes)));
}

/** Four bytes at a time, because every record of a replay passes here. */
function isPrintableAscii(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return arePrintable(bytes, 0, bytes.length);
  const start = -bytes.byteOffset & 3;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, (bytes.length - start) >> 2);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    // The high bit of a byte is set where it is beyond ASCII, 0x7f, or below the space; the lowest such byte is exact.
    const odd = (word | (word + 0x01010101) | (word - 0x20202020)) & 0x80808080;
    if (odd !== 0 && !arePrintable(bytes, start + 4 * i, start + 4 * i + 4)) return false;
  }
  return arePrintable(bytes, 0, start) && arePrintable(bytes, start + 4 * words.length, bytes.length);
}

function arePrintable(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte > TILDE || (byte < SPACE && byte !== LINE_FEED)) return false;
  }
  return true;
}
