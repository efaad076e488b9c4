import { TableCursor, type TableSlots } from '../flow/table-cursor.ts';
import type { PageMapper } from '../meter/table-memory.ts';
import type { ClosedWindow } from '../model/closed-window.ts';

/** A closed window's tables, mapped into this thread. */
export interface MappedWindow {
  records(): TableCursor;
  unmap(): void;
}

/** Maps the same pages that the data plane wrote; nothing is copied. */
export function mapWindow(window: ClosedWindow, mapper: Pick<PageMapper, 'map' | 'unmap'>): MappedWindow {
  const buffers: ArrayBuffer[] = [];
  const slots = window.tables.map(({ family, fileDescriptor, bytes, copy }): TableSlots => {
    if (copy !== undefined) return { family, words: copy };
    const buffer = mapper.map(fileDescriptor, bytes);
    buffers.push(buffer);
    return { family, words: new Int32Array(buffer) };
  });
  return {
    records: () => new TableCursor(slots),
    unmap: () => {
      for (const buffer of buffers) mapper.unmap(buffer);
    },
  };
}
