import { OperationalError } from '../model/operational-error.ts';

export function damaged(what: string): OperationalError {
  return new OperationalError(
    'spool.damaged',
    `Reading a flow batch failed: ${what}; these bytes are not what flowlogd wrote.`,
  );
}

/** @param what the batch has that this version does not know */
export function newer(what: string): OperationalError {
  return new OperationalError(
    'spool.newer',
    `Reading a flow batch failed: a newer flowlogd wrote it (${what}). Install that version again to deliver it.`,
  );
}

/** A place in the bytes and the end of the message that it is in; every read checks against that end first. */
export class ProtobufReader {
  readonly #bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Steps into a length-delimited message; answers the end of the outer one, for `leave`. */
  enter(): number {
    const length = this.#length();
    const outerEnd = this.end;
    this.end = this.at + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.end = outerEnd;
  }

  /** Field numbers up to 2^28; all of ours are one byte. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw damaged('a field has an impossible number');
    return tag;
  }

  /** 0 to 2^53 - 1. Most numbers are one byte: tags, lengths, protocols. */
  varint(): number {
    const at = this.at;
    if (at < this.end) {
      const byte = this.#bytes[at]!;
      if (byte < 0x80) {
        this.at = at + 1;
        return byte;
      }
    }
    return this.#longVarint();
  }

  /** Integer arithmetic as far as 28 bits, then doubles. */
  #longVarint(): number {
    const bytes = this.#bytes;
    const end = Math.min(this.end, this.at + 10);
    let at = this.at;
    let low = 0;
    for (let shift = 0; shift < 28 && at < end; shift += 7) {
      const byte = bytes[at++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return low;
      }
    }
    let value = low;
    for (let scale = 0x1000_0000; at < end; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      if (value > Number.MAX_SAFE_INTEGER) break;
      this.at = at;
      return value;
    }
    throw damaged('a number is cut off or too large');
  }

  bounded(max: number): number {
    const value = this.varint();
    if (value > max) throw damaged(`a number is larger than ${max}`);
    return value;
  }

  signed(): number {
    let value = 0n;
    for (let i = 0; i < 10 && this.at < this.end; i++) {
      const byte = this.#bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte >= 0x80) continue;
      const number = Number(BigInt.asIntN(64, value));
      if (!Number.isSafeInteger(number)) break;
      return number;
    }
    throw damaged('a signed number is cut off or too large');
  }

  word(): number {
    const bytes = this.#bytes;
    const at = this.at;
    this.at = at + 4;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  /** Four or sixteen bytes, all of them there. */
  addressLength(): number {
    const length = this.#length();
    if (length !== 4 && length !== 16) throw damaged('an address has neither 4 nor 16 bytes');
    return length;
  }

  double(): number {
    this.#need(8);
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.at, 8).getFloat64(0, true);
    this.at += 8;
    return value;
  }

  text(): string {
    const length = this.#length();
    const bytes = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw damaged('a text is not UTF-8');
    }
  }

  /** Steps over a field whose tag was just read. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === 0) this.#skipVarint();
    else if (type === 1 || type === 2 || type === 5) {
      const length = type === 2 ? this.#length() : type === 1 ? 8 : 4;
      this.#need(length);
      this.at += length;
    } else throw damaged('a field has a type that proto3 does not know');
  }

  /** Of a field that this version does not know, whose tag was just read: passing over it would lose what it says. */
  refuseUnknown(tag: number): never {
    this.skip(tag);
    throw newer(`field ${tag >>> 3}`);
  }

  /** Unlike `varint` this takes all 64 bits: a field that we do not know may use them. */
  #skipVarint(): void {
    for (let i = 0; i < 10 && this.at < this.end; i++) if (this.#bytes[this.at++]! < 0x80) return;
    throw damaged('a number is cut off');
  }

  #length(): number {
    const length = this.varint();
    this.#need(length);
    return length;
  }

  #need(length: number): void {
    if (length > this.end - this.at) throw damaged('a length leads past the end');
  }
}
