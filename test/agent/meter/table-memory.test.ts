/** Tables where the machine has other pages, or no memory to share them in. */
import { expect, test } from 'vitest';
import { type PageMapper, sharedTableMemory } from '../../../agent/meter/table-memory.ts';
import type { MemoryPlaces } from '../../../agent/model/memory-places.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';

const addon = loadCaptureAddon();
const KIB = 1024;

/** A memory of a megabyte whose places count how many are taken. */
function places(): MemoryPlaces & { taken: number } {
  const memory = addon.map(-1, 1024 * KIB);
  return {
    taken: 0,
    take(bytes) {
      this.taken += 1;
      return new Uint8Array(memory, 512 * KIB, bytes);
    },
    giveBack() {
      this.taken -= 1;
    },
  } as MemoryPlaces & { taken: number };
}

function mapper(changed: Partial<PageMapper>): PageMapper {
  const { pageBytes, reserveFile, map, unmap, prepare, share, adopt } = addon;
  return { pageBytes, reserveFile, map, unmap, prepare, share, adopt, ...changed };
}

test('a table smaller than a page of the machine lies outside the places, and can grow into one', () => {
  const around = places();
  const allocate = sharedTableMemory(mapper({ pageBytes: () => 64 * KIB }), around);
  const small = allocate(4 * KIB)!;
  expect([small.words.length, around.taken]).toEqual([KIB, 0]);
  const large = allocate(64 * KIB)!;
  expect([large.words.length, around.taken]).toEqual([16 * KIB, 1]);
  small.release();
  large.release();
  expect(around.taken).toBe(0);
});

test('a table whose pages cannot be shared is handed over as a copy', () => {
  const share = () => {
    throw Object.assign(new Error('no memory'), { code: 'ENOMEM' });
  };
  const table = sharedTableMemory(mapper({ share }))(64 * KIB)!;
  table.words[5] = 42;
  const pages = table.handOver();
  table.words[5] = 43;
  expect(pages).toMatchObject({ kind: 'copied' });
  expect(pages.kind === 'copied' && [pages.words.length, pages.words[5]]).toEqual([16 * KIB, 42]);
  table.release();
});
