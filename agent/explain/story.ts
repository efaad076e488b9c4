/** The words in which a packet's way through the decoder is told. */

/** One thing that was looked at, and what it meant. */
export interface Step {
  /** `Ethernet`, `VLAN`, `IPv4`, `length` ... */
  readonly layer: string;
  /** Where in the captured frame it begins, in bytes. */
  readonly offset: number;
  /** One line for people. */
  readonly says: string;
}

/** What a key is made of, as the story found it. Addresses are words in network order; IPv4 uses the first. */
export interface KeyFound {
  readonly kind: 'key';
  readonly family: 4 | 6;
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  /** IP header and payload. */
  readonly bytes: number;
}

export interface RefusalFound {
  readonly kind: 'not-ip' | 'malformed';
  /** The byte of the frame at which it was decided. */
  readonly offset: number;
  readonly reason: string;
}

export type Ending = KeyFound | RefusalFound;

export interface Story {
  readonly steps: readonly Step[];
  readonly ending: Ending;
}

/** A frame as it was captured, and the story of it so far. */
export class Telling {
  readonly steps: Step[];
  readonly captured: number;
  readonly wire: number;
  readonly #view: DataView;

  /** @param frame exactly the captured bytes; @param wire the frame's length on the wire */
  constructor(frame: Uint8Array, wire: number, steps: Step[] = []) {
    this.steps = steps;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.captured = frame.byteLength;
    this.wire = wire;
  }

  /** The same story, of a frame that has no more than its first bytes. */
  upTo(captured: number, wire: number): Telling {
    const { buffer, byteOffset } = this.#view;
    return new Telling(new Uint8Array(buffer, byteOffset, captured), wire, this.steps);
  }

  /** Another story of the same frame, from its beginning. */
  aside(): Telling {
    const { buffer, byteOffset } = this.#view;
    return new Telling(new Uint8Array(buffer, byteOffset, this.captured), this.wire);
  }

  /** Whether so many bytes from `offset` on were captured. */
  holds(offset: number, bytes: number): boolean {
    return offset + bytes <= this.captured;
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number, littleEndian = false): number {
    return this.#view.getUint16(offset, littleEndian);
  }

  u32(offset: number, littleEndian = false): number {
    return this.#view.getUint32(offset, littleEndian);
  }

  say(layer: string, offset: number, says: string): void {
    this.steps.push({ layer, offset, says });
  }

  notIp(offset: number, reason: string): RefusalFound {
    return { kind: 'not-ip', offset, reason };
  }

  malformed(offset: number, reason: string): RefusalFound {
    return { kind: 'malformed', offset, reason };
  }

  /** The capture ends inside of a header that must be there. */
  cut(offset: number, header: string, bytes: number): RefusalFound {
    const left = Math.max(0, this.captured - offset);
    return this.malformed(
      offset,
      `${header} takes ${bytes} bytes, of which ${left === 0 ? 'none was' : `${left} ${left === 1 ? 'was' : 'were'}`} captured`,
    );
  }
}

export function hex(value: number, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
