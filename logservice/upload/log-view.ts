/**
 * One log of an upload, as places in its body: nothing is made of it that is not asked for. One view serves all logs of a body.
 *
 *     Log     = 08 time  (12 length Content)*
 *     Content = 0a length key  12 length value
 *
 * That is how senders write logs. A log of the same fields in another order, or with further ones, is for `log-groups.ts`.
 */
import protobuf from 'protobufjs';

const TIME = 0x08;
const CONTENT = 0x12;
const KEY = 0x0a;
const VALUE = 0x12;

export interface Pair {
  readonly key: string;
  readonly value: string;
}

export class LogView {
  body: Uint8Array;
  /** As it was sent. */
  time = 0;
  /** How many contents there are. */
  count = 0;
  /** Of each content, offsets in the body. */
  readonly keyFrom: number[] = [];
  readonly keyTo: number[] = [];
  readonly valueFrom: number[] = [];
  readonly valueTo: number[] = [];
  #at = 0;

  constructor(body: Uint8Array) {
    this.body = body;
  }

  /** Reads the log from `start` to `end`; false where it is written in another way than above. */
  read(start: number, end: number): boolean {
    this.count = 0;
    this.#at = start;
    if (this.body[this.#at++] !== TIME || !this.#readTime(end)) return false;
    while (this.#at < end) if (!this.#readContent(end)) return false;
    return this.#at === end;
  }

  key(index: number): string {
    return protobuf.util.utf8.read(this.body, this.keyFrom[index]!, this.keyTo[index]!);
  }

  value(index: number): string {
    return protobuf.util.utf8.read(this.body, this.valueFrom[index]!, this.valueTo[index]!);
  }

  /** All of them, as texts. */
  contents(): readonly Pair[] {
    return Array.from({ length: this.count }, (_, index) => ({ key: this.key(index), value: this.value(index) }));
  }

  #readContent(end: number): boolean {
    const { body } = this;
    if (body[this.#at++] !== CONTENT) return false;
    const contentEnd = this.#delimited(end);
    if (contentEnd < 0 || body[this.#at++] !== KEY) return false;
    const keyEnd = this.#delimited(contentEnd);
    if (keyEnd < 0) return false;
    const keyFrom = this.#at;
    this.#at = keyEnd;
    if (body[this.#at++] !== VALUE || this.#delimited(contentEnd) !== contentEnd) return false;
    const { count } = this;
    this.keyFrom[count] = keyFrom;
    this.keyTo[count] = keyEnd;
    this.valueFrom[count] = this.#at;
    this.valueTo[count] = contentEnd;
    this.#at = contentEnd;
    this.count = count + 1;
    return true;
  }

  /** Reads a length; answers where what it counts ends, -1 where that is not before `end`. */
  #delimited(end: number): number {
    let length = 0;
    for (let scale = 1; scale < 2 ** 28; scale *= 128) {
      if (this.#at >= end) return -1;
      const byte = this.body[this.#at++]!;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) return this.#at + length <= end ? this.#at + length : -1;
    }
    return -1;
  }

  /** A time before 1970, which takes ten bytes, is left out. */
  #readTime(end: number): boolean {
    let time = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      if (this.#at >= end) return false;
      const byte = this.body[this.#at++]!;
      time += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      this.time = time;
      return true;
    }
    return false;
  }
}
