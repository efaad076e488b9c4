import { closeSync } from 'node:fs';
import type { AllocateTableMemory, TableMemory } from '../model/table-memory.ts';

/** What the native addon offers of memory (native/addon.ts). */
export interface PageMapper {
  memoryFile(name: string): number;
  pageBytes(): number;
  reserveFile(fileDescriptor: number, bytes: number, offset?: number): void;
  map(fileDescriptor: number, bytes: number, offset?: number): ArrayBuffer;
  unmap(buffer: ArrayBuffer): void;
}

/** Tables below this come from the JavaScript heap where sharing is not needed: a mapping costs more than it gives. */
const MAPPED_BYTES_MIN = 64 * 1024;

/** Memory of one thread alone, page-aligned where the addon is at hand and the table is large enough to profit. */
export function privateTableMemory(mapper: PageMapper | undefined): AllocateTableMemory {
  return (bytes) => {
    if (mapper === undefined || bytes < MAPPED_BYTES_MIN) return heapMemory(bytes);
    return attempt(() => mappedMemory(mapper, -1, mapper.map(-1, bytes)));
  };
}

/** Memory that another thread of this process can map through its file descriptor. It leaves nothing behind on any disk. */
export function sharedTableMemory(mapper: PageMapper): AllocateTableMemory {
  return (bytes) =>
    attempt(() => {
      const fileDescriptor = mapper.memoryFile('flowlogd-table');
      try {
        mapper.reserveFile(fileDescriptor, bytes);
        return mappedMemory(mapper, fileDescriptor, mapper.map(fileDescriptor, bytes));
      } catch (error) {
        closeSync(fileDescriptor);
        throw error;
      }
    });
}

function heapMemory(bytes: number): TableMemory {
  return { buffer: new ArrayBuffer(bytes), fileDescriptor: -1, release: () => undefined };
}

/** Memory that is mapped already; releasing it closes the file behind it, unless there is none (-1). */
function mappedMemory(mapper: PageMapper, fileDescriptor: number, buffer: ArrayBuffer): TableMemory {
  const release = () => {
    mapper.unmap(buffer);
    if (fileDescriptor >= 0) closeSync(fileDescriptor);
  };
  return { buffer, fileDescriptor, release };
}

/** No memory is an answer, not a failure: the table stays at its size and counts what does not fit. */
function attempt(allocate: () => TableMemory): TableMemory | undefined {
  try {
    return allocate();
  } catch {
    return undefined;
  }
}
