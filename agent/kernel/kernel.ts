/**
 * The meter's inner loop in WebAssembly: from the records of a batch to counted flows, over one memory in which the batches, the rows
 * of a group and the flow tables lie. TypeScript opens windows, grows tables, excludes and coarsens, over the same rows and slots;
 * what does not lie in this memory it counts itself (meter/packet-groups.ts, flow/), with the same outcome.
 *
 * One instance for each thread that meters. Its memory has one size from the beginning, so that no buffer is ever detached; pages that
 * nothing was written to take no room.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HashSeed } from '../flow/hash.ts';
import type { MemoryPlaces } from '../model/memory-places.ts';
import { FRAME_BYTES_MAX } from '../model/packet-batch.ts';
import { RECORD_HEADER_BYTES } from '../model/packet-batch-layout.ts';
import type { WalkPcap } from '../model/pcap-walk.ts';
import { packageRoot } from '../native/addon.ts';
import { ROW_WORDS } from '../packet/key-row.ts';
import { FURTHER, GROUP, IPV4_MEMBERS, IPV6_MEMBERS, RANGES, ROWS, SEED, SPILLED, WALKED_TO } from './layout.ts';
import { Ranges } from './ranges.ts';
import { type LinearMemory, webAssembly } from './web-assembly.ts';

/** The functions of assembly/kernel.ts. Addresses and lengths are in bytes. */
export interface KernelCalls {
  readGroup(link: number, asksRules: boolean, segments: number, start: number, end: number, isOpened: boolean): number;
  keyByIcmp(members: number, count: number): void;
  countIpv4(slots: number, bytes: number, used: number, usedMax: number, count: number): number;
  countIpv6(slots: number, bytes: number, used: number, usedMax: number, count: number): number;
  rehashIpv4(from: number, fromBytes: number, slots: number, bytes: number): void;
  rehashIpv6(from: number, fromBytes: number, slots: number, bytes: number): void;
  walkPcap(
    from: number,
    end: number,
    base: number,
    headerBytes: number,
    swaps: boolean,
    nanosecondsPerUnit: number,
    snapBytes: number,
    frameBytesMax: number,
    records: number,
    recordsMax: number,
  ): number;
}

/** As much as is asked for; tables that find no room in it are counted by TypeScript. */
const MEMORY_BYTES_MAX = 2 * 1024 * 1024 * 1024;
/** Less is not worth it. */
const MEMORY_BYTES_MIN = 64 * 1024 * 1024;
const WASM_PAGE_BYTES = 65_536;
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;

export class Kernel implements MemoryPlaces {
  readonly calls: KernelCalls;
  readonly buffer: ArrayBuffer;
  /** The beginning of the memory (layout.ts). */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly rows: Int32Array;
  readonly ipv4Members: Int32Array;
  readonly ipv6Members: Int32Array;
  readonly spilled: Int32Array<ArrayBuffer>;
  readonly further: Float64Array;
  readonly #ranges: Ranges;
  #seed: HashSeed | undefined;

  /** @param rangesFrom where ranges begin: a page behind what layout.ts draws, better one where a huge page can begin */
  constructor({ buffer }: LinearMemory, calls: KernelCalls, rangesFrom: number) {
    this.calls = calls;
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, RANGES / 4);
    this.doubles = new Float64Array(buffer, 0, RANGES / 8);
    this.rows = new Int32Array(buffer, ROWS, GROUP * ROW_WORDS);
    this.ipv4Members = new Int32Array(buffer, IPV4_MEMBERS, GROUP);
    this.ipv6Members = new Int32Array(buffer, IPV6_MEMBERS, GROUP);
    this.spilled = new Int32Array(buffer, SPILLED, GROUP);
    this.further = new Float64Array(buffer, FURTHER, 2 * GROUP);
    this.#ranges = new Ranges(rangesFrom, buffer.byteLength - rangesFrom);
  }

  take(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    const address = this.#ranges.take(bytes);
    return address === undefined ? undefined : new Uint8Array(this.buffer, address, bytes);
  }

  giveBack({ byteOffset }: Uint8Array): void {
    this.#ranges.giveBack(byteOffset);
  }

  /** Whether this lies in the kernel's memory. */
  holds({ buffer }: ArrayBufferView): boolean {
    return buffer === this.buffer;
  }

  readonly walkPcap: WalkPcap = (shape, piece, batch) => {
    const { headerBytes, littleEndian, nanosecondsPerUnit, snapBytes } = shape;
    const { byteOffset } = piece.view;
    if (!this.holds(piece.view) || !this.holds(batch.view)) return;
    batch.count = this.calls.walkPcap(
      byteOffset + piece.start,
      byteOffset + piece.end,
      byteOffset,
      headerBytes,
      !littleEndian,
      nanosecondsPerUnit,
      snapBytes,
      FRAME_BYTES_MAX,
      batch.view.byteOffset,
      Math.floor(batch.view.byteLength / RECORD_HEADER_BYTES),
    );
    piece.start = this.words[WALKED_TO / 4]! - byteOffset;
  };

  /** Hashes with this seed from now on. */
  useSeed(seed: HashSeed): void {
    if (this.#seed === seed) return;
    this.words.set(seed, SEED / 4);
    this.#seed = seed;
  }
}

/** Where huge pages can begin in a memory; the addon knows. */
type HugePageOffset = (memory: ArrayBuffer) => number;

/** A kernel for the calling thread, or a sentence that says why there is none. */
export function loadKernel(hugePageOffset: HugePageOffset = () => 0): Kernel | string {
  if (webAssembly === undefined) return unavailable('Node.js runs without it');
  const memory = createMemory(webAssembly.Memory, MEMORY_BYTES_MAX);
  if (memory === undefined) return unavailable('no address space for its memory: ulimit -v');
  try {
    const module = new webAssembly.Module(readFileSync(join(packageRoot(), 'dist/agent/kernel/kernel.wasm')));
    const { exports } = new webAssembly.Instance(module, { env: { memory } });
    const offset = hugePageOffset(memory.buffer);
    return new Kernel(memory, exports as KernelCalls, offset < RANGES ? offset + HUGE_PAGE_BYTES : offset);
  } catch (error) {
    return unavailable((error as Error).message);
  }
}

function unavailable(why: string): string {
  return `WebAssembly unavailable (${why}): metering takes longer, records are the same.`;
}

/** As much as can be had, by halves: it counts as memory where the kernel promises no more than there is. */
function createMemory(Memory: NonNullable<typeof webAssembly>['Memory'], bytes: number): LinearMemory | undefined {
  const pages = bytes / WASM_PAGE_BYTES;
  try {
    return new Memory({ initial: pages, maximum: pages });
  } catch {
    return bytes > MEMORY_BYTES_MIN ? createMemory(Memory, bytes / 2) : undefined;
  }
}
