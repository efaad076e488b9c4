import { type AllocateTableMemory, heapMemory, type TableMemory, type TablePages } from '../model/table-memory.ts';

/** What the native addon offers of memory (native/addon.ts). */
export interface PageMapper {
  pageBytes(): number;
  reserveFile(fileDescriptor: number, bytes: number, offset?: number): void;
  map(fileDescriptor: number, bytes: number, offset?: number): ArrayBuffer;
  unmap(buffer: ArrayBuffer): void;
  prepare(buffer: ArrayBuffer): void;
  share(buffer: ArrayBuffer): number;
  adopt(promise: number): ArrayBuffer;
}

/** From here on tables have huge pages, and the kernel takes so long for their pages that they are made ready beside this thread. */
export const LARGE_TABLE_BYTES = 2 * 1024 * 1024;

/** Tables below this come from the JavaScript heap where sharing is not needed: a mapping costs more than it gives. */
const MAPPED_BYTES_MIN = 64 * 1024;

/** Memory of one thread alone, page-aligned where the addon is at hand and the table is large enough to profit. */
export function privateTableMemory(mapper: PageMapper | undefined): AllocateTableMemory {
  return (bytes) => {
    if (mapper === undefined || bytes < MAPPED_BYTES_MIN) return heapMemory(bytes);
    return attempt(() => processMemory(mapper, bytes));
  };
}

/** Memory that another thread of this process can adopt. It ends with the process, and is on no disk. */
export function sharedTableMemory(mapper: PageMapper): AllocateTableMemory {
  return (bytes) => attempt(() => processMemory(mapper, bytes));
}

function processMemory(mapper: PageMapper, bytes: number): TableMemory {
  const buffer = mapReady(mapper, -1, bytes);
  const handOver = (): TablePages => ({ kind: 'shared', promise: mapper.share(buffer) });
  const release = () => mapper.unmap(buffer);
  return { buffer, handOver, release, discard: release };
}

/** A mapping of the addon, whose pages are being made ready where they are many. */
export function mapReady(mapper: PageMapper, fileDescriptor: number, bytes: number, offset?: number): ArrayBuffer {
  const buffer = mapper.map(fileDescriptor, bytes, offset);
  if (bytes >= LARGE_TABLE_BYTES) mapper.prepare(buffer);
  return buffer;
}

/** No memory is an answer, not a failure: the table stays at its size and counts what does not fit. */
function attempt(allocate: () => TableMemory): TableMemory | undefined {
  try {
    return allocate();
  } catch {
    return undefined;
  }
}
