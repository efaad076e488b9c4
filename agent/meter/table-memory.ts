import type { MemoryPlaces } from '../model/memory-places.ts';
import { type AllocateTableMemory, heapMemory, type TableMemory, type TablePages } from '../model/table-memory.ts';

/** What the native addon offers of memory (native/addon.ts). */
export interface PageMapper {
  pageBytes(): number;
  reserveFile(fileDescriptor: number, bytes: number, offset?: number): void;
  map(fileDescriptor: number, bytes: number, offset?: number, place?: MapPlace): ArrayBuffer;
  unmap(buffer: ArrayBuffer): void;
  prepare(buffer: ArrayBuffer): void;
  share(buffer: ArrayBuffer): number;
  adopt(promise: number): ArrayBuffer;
}

interface MapPlace {
  readonly memory: ArrayBuffer;
  readonly byteOffset: number;
}

/** From here on tables have huge pages, and the kernel takes so long for their pages that they are made ready beside this thread. */
export const LARGE_TABLE_BYTES = 2 * 1024 * 1024;

/** Tables below this come from the JavaScript heap where sharing is not needed: a mapping costs more than it gives. */
const MAPPED_BYTES_MIN = 64 * 1024;

/** Memory of one thread alone, page-aligned where the addon is at hand and the table is large enough to profit. */
export function privateTableMemory(mapper: PageMapper | undefined, places?: MemoryPlaces): AllocateTableMemory {
  return (bytes) => {
    if (mapper === undefined || bytes < MAPPED_BYTES_MIN) return placedMemory(places, bytes) ?? heapMemory(bytes);
    return attempt(() => processMemory(mapper, places, bytes));
  };
}

/** Memory that another thread of this process can adopt. It ends with the process, and is on no disk. */
export function sharedTableMemory(mapper: PageMapper, places?: MemoryPlaces): AllocateTableMemory {
  return (bytes) => attempt(() => processMemory(mapper, places, bytes));
}

/** A place without a mapping of its own. */
function placedMemory(places: MemoryPlaces | undefined, bytes: number): TableMemory | undefined {
  const place = places?.take(bytes);
  if (places === undefined || place === undefined) return undefined;
  const words = wordsOf(place);
  const release = () => {
    place.fill(0);
    places.giveBack(place);
  };
  return { words, handOver: () => ({ kind: 'copied', words }), release, discard: release };
}

function processMemory(mapper: PageMapper, places: MemoryPlaces | undefined, bytes: number): TableMemory {
  const { words, buffer, unmap } = mapTable(mapper, places, { fileDescriptor: -1, bytes });
  const handOver = (): TablePages => {
    const promise = attempt(() => mapper.share(buffer));
    return promise === undefined ? { kind: 'copied', words: words.slice() } : { kind: 'shared', promise };
  };
  return { words, handOver, release: unmap, discard: unmap };
}

interface MappedTable {
  readonly words: Int32Array;
  /** The same pages, as the addon knows them. */
  readonly buffer: ArrayBuffer;
  unmap(): void;
}

interface FileRange {
  readonly fileDescriptor: number;
  readonly bytes: number;
  readonly offset?: number;
}

/** A mapping of the addon, in a place where there is one, whose pages are being made ready where they are many. */
export function mapTable(mapper: PageMapper, places: MemoryPlaces | undefined, range: FileRange): MappedTable {
  const { fileDescriptor, bytes, offset } = range;
  // The kernel maps whole pages, and those of some machines are larger than the smallest tables.
  const place = bytes % mapper.pageBytes() === 0 ? places?.take(bytes) : undefined;
  const giveBack = () => place && places?.giveBack(place);
  try {
    const at = place && { memory: place.buffer, byteOffset: place.byteOffset };
    const buffer = mapper.map(fileDescriptor, bytes, offset, at);
    if (bytes >= LARGE_TABLE_BYTES) mapper.prepare(buffer);
    const unmap = () => {
      mapper.unmap(buffer);
      giveBack();
    };
    return { words: place === undefined ? new Int32Array(buffer) : wordsOf(place), buffer, unmap };
  } catch (error) {
    giveBack();
    throw error;
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** No memory is an answer, not a failure: the table stays at its size and counts what does not fit. */
function attempt<Got>(get: () => Got): Got | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
