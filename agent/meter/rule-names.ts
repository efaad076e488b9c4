/**
 * Log prefixes as names of rules. The same few prefixes come again and again, so they are recognised by their bytes, and
 * text is made only of one that is new. Bounded: further prefixes than that are made into text each time.
 */
import type { Rejection } from '../model/rejection.ts';

const KNOWN_MAX = 256;

interface Known {
  readonly bytes: Uint8Array;
  readonly tapped: Rejection;
  readonly untapped: Rejection;
}

export class RuleNames {
  readonly #known: Known[] = [];
  readonly #text = new TextDecoder();

  rejection(view: DataView, at: number, length: number, wasTapped: boolean): Rejection {
    for (const known of this.#known) {
      if (isEqual(known.bytes, view, at, length)) return wasTapped ? known.tapped : known.untapped;
    }
    const rule = this.#nameOf(new Uint8Array(view.buffer, view.byteOffset + at, length));
    if (this.#known.length < KNOWN_MAX) {
      const bytes = new Uint8Array(view.buffer.slice(view.byteOffset + at, view.byteOffset + at + length));
      this.#known.push({ bytes, tapped: { rule, wasTapped: true }, untapped: { rule, wasTapped: false } });
    }
    return { rule, wasTapped };
  }

  /** Without the blank that people end a prefix with. What is no text becomes question marks, so that it gets no longer. */
  #nameOf(bytes: Uint8Array): string {
    return this.#text
      .decode(bytes)
      .replace(/[\p{Cc}\ufffd]/gu, '?')
      .trimEnd();
  }
}

function isEqual(bytes: Uint8Array, view: DataView, at: number, length: number): boolean {
  if (bytes.length !== length) return false;
  for (let byte = 0; byte < length; byte++) if (bytes[byte] !== view.getUint8(at + byte)) return false;
  return true;
}
