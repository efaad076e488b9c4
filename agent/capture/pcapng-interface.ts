/**
 * What a pcapng Interface Description Block says of the packets that came in by it: their link type, how much of them was
 * kept, and what their timestamps count. Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html, section 4.2.
 *
 * Bytes of a description without its block header and trailer:
 *
 *     0          2          4          8
 *     | linktype | reserved | snaplen  | options ...
 *
 * and of an option, the next of which starts on a multiple of four bytes:
 *
 *     0      2        4
 *     | code | length | value ...
 */
import { FRAME_BYTES_MAX } from '../model/packet-batch.ts';
import { NANOSECONDS, SECONDS } from '../model/packet-batch-layout.ts';

export interface PcapngInterface {
  /** LINKTYPE_ value. */
  readonly linkType: number;
  /** Bytes that a Simple Packet Block, which does not say it, has at most. */
  readonly snapBytes: number;
  readonly clock: PcapngClock;
}

const FIXED_BYTES = 8;
const OPTION_HEADER_BYTES = 4;
const OPTION = { end: 0, timeResolution: 9, timeOffset: 14 } as const;
const MICROSECONDS = 6;
/** The bit of if_tsresol that makes its other seven a power of two, not of ten. */
const BINARY = 0x80;
const NANOSECONDS_PER_SECOND = 1_000_000_000;

/**
 * Turns timestamps into seconds and nanoseconds, exactly. Units of up to 2^32 a second, which is every clock in use, need no
 * more than the 53 bits of a float64; finer ones, and times beyond 2^53 seconds, take the way over BigInt.
 */
export class PcapngClock {
  readonly #unitsPerSecond: number;
  /** Exact, be it 10^(9-n) or 5^9 * 2^(9-n), and so is its product with the units of less than a second. */
  readonly #nanosecondsPerUnit: number;
  readonly #offsetSeconds: number;
  readonly #exactUnitsPerSecond: bigint;
  readonly #exactOffsetSeconds: bigint;
  readonly #isCoarse: boolean;
  /** The last timestamp divided: its two words, the units left over, and its time in seconds. */
  #high = -1;
  #low = 0;
  #rest = 0;
  #time = 0;

  /** `resolution` is the value of if_tsresol, `offsetSeconds` that of if_tsoffset. */
  constructor(resolution: number, offsetSeconds: bigint) {
    this.#exactUnitsPerSecond = (resolution & BINARY ? 2n : 10n) ** BigInt(resolution & ~BINARY);
    this.#exactOffsetSeconds = offsetSeconds;
    this.#unitsPerSecond = Number(this.#exactUnitsPerSecond);
    this.#nanosecondsPerUnit = NANOSECONDS_PER_SECOND / this.#unitsPerSecond;
    this.#offsetSeconds = Number(offsetSeconds);
    this.#isCoarse = this.#unitsPerSecond <= 2 ** 32 && Number.isSafeInteger(this.#offsetSeconds);
  }

  /** Writes a timestamp, given as two words of 32 bits, into the record at `at`. Runs once per packet. */
  write(view: DataView, at: number, high: number, low: number): void {
    /* Most packets fall into the second of the one before, and then need none of three divisions. */
    const rest = this.#rest + (low - this.#low);
    if (high !== this.#high || rest < 0 || rest >= this.#unitsPerSecond) this.#divide(view, at, high, low);
    else {
      view.setFloat64(at + SECONDS, this.#time, true);
      view.setUint32(at + NANOSECONDS, Math.floor(rest * this.#nanosecondsPerUnit), true);
    }
  }

  /** Long division by digits of 16 bits: every remainder stays below 2^48. The operator % is slow on floats. */
  #divide(view: DataView, at: number, high: number, low: number): void {
    const units = this.#unitsPerSecond;
    const first = Math.floor(high / units);
    const upper = (high - first * units) * 0x10000 + (low >>> 16);
    const second = Math.floor(upper / units);
    const lower = (upper - second * units) * 0x10000 + (low & 0xffff);
    const third = Math.floor(lower / units);
    const seconds = first * 0x1_0000_0000 + second * 0x10000 + third;
    const time = seconds + this.#offsetSeconds;
    if (!this.#isCoarse || seconds > Number.MAX_SAFE_INTEGER || time > Number.MAX_SAFE_INTEGER) {
      this.#divideExactly(view, at, (BigInt(high) << 32n) | BigInt(low));
      return;
    }
    this.#high = high;
    this.#low = low;
    this.#rest = lower - third * units;
    this.#time = time;
    view.setFloat64(at + SECONDS, time, true);
    view.setUint32(at + NANOSECONDS, Math.floor(this.#rest * this.#nanosecondsPerUnit), true);
  }

  /** As libpcap, seconds beyond 64 bits wrap around. */
  #divideExactly(view: DataView, at: number, time: bigint): void {
    const units = this.#exactUnitsPerSecond;
    const seconds = BigInt.asIntN(64, time / units + this.#exactOffsetSeconds);
    view.setFloat64(at + SECONDS, Number(seconds), true);
    view.setUint32(at + NANOSECONDS, Number(((time % units) * BigInt(NANOSECONDS_PER_SECOND)) / units), true);
  }
}

/** A Simple Packet Block has no time: every interface's clock stands at 0 for it, whatever its offset. */
export const NO_CLOCK = new PcapngClock(MICROSECONDS, 0n);

/** Reads the `length` bytes of a description at `at`; answers in words what is wrong with one that cannot be read. */
export function readInterface(
  view: DataView,
  at: number,
  length: number,
  littleEndian: boolean,
): PcapngInterface | string {
  if (length < FIXED_BYTES) return 'an interface description is too short';
  const end = at + length;
  let resolution: number = MICROSECONDS;
  let offsetSeconds = 0n;
  for (let option = at + FIXED_BYTES; option + OPTION_HEADER_BYTES <= end; ) {
    const code = view.getUint16(option, littleEndian);
    const bytes = view.getUint16(option + 2, littleEndian);
    const value = option + OPTION_HEADER_BYTES;
    option = value + ((bytes + 3) & ~3);
    if (option > end) return 'an option of an interface is longer than its description';
    if (code === OPTION.end) break;
    if (code === OPTION.timeResolution) {
      if (bytes !== 1) return `the time resolution of an interface has ${bytes} bytes`;
      resolution = view.getUint8(value);
    } else if (code === OPTION.timeOffset) {
      if (bytes !== 8) return `the time offset of an interface has ${bytes} bytes`;
      offsetSeconds = view.getBigInt64(value, littleEndian);
    }
  }
  const snapBytes = view.getUint32(at + 4, littleEndian);
  return {
    linkType: view.getUint16(at, littleEndian),
    snapBytes: snapBytes === 0 || snapBytes > FRAME_BYTES_MAX ? FRAME_BYTES_MAX : snapBytes,
    clock: new PcapngClock(resolution, offsetSeconds),
  };
}
