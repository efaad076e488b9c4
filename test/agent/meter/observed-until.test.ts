import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  absentSince,
  encodeObservedUntil,
  OBSERVED_UNTIL_SUFFIX,
  ObservedUntil,
  SYNCED_AT,
  UNTIL_AT,
} from '../../../agent/meter/observed-until.ts';
import type { PageMapper } from '../../../agent/meter/table-memory.ts';
import { pointKey } from '../../../agent/meter/window-file.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { POINT } from '../../support/closed-windows.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const KEY = '0123456789abcdef';

function written(untilSeconds: number, syncedSeconds: number): Uint8Array {
  const file = encodeObservedUntil(KEY, 'boot-1', 1000);
  new Float64Array(file.buffer, UNTIL_AT, 1)[0] = untilSeconds;
  new Float64Array(file.buffer, SYNCED_AT, 1)[0] = syncedSeconds;
  return file;
}

test('after a kill a point is absent since its last round', () => {
  expect(absentSince(written(2000.5, 1500), KEY, 'boot-1')).toBe(2000.5);
});

test('after a reboot it is absent since what was surely on the disk', () => {
  expect(absentSince(written(2000.5, 1500), KEY, 'boot-2')).toBe(1500);
  expect(absentSince(written(1400, 1500), KEY, 'boot-2')).toBe(1400);
});

test('a new run knows what the one before knew until it has observed something', () => {
  expect(absentSince(encodeObservedUntil(KEY, 'boot-2', 1234), KEY, 'boot-2')).toBe(1234);
  expect(absentSince(encodeObservedUntil(KEY, 'boot-2', 1234), KEY, 'boot-3')).toBe(1234);
});

test('nobody knows where there is no file, or one that is damaged, cut, of another point or without a time', () => {
  const whole = written(2000, 1500);
  const damaged = whole.slice();
  damaged[40]! ^= 1;
  for (const file of [new Uint8Array(0), damaged, whole.subarray(0, 4100), written(Number.NaN, 0), written(0, 0)])
    expect(absentSince(file, KEY, 'boot-1')).toBeUndefined();
  expect(absentSince(whole, 'another', 'boot-1')).toBeUndefined();
});

describe('the watermark of a point', () => {
  const pathIn = (folder: string) => join(folder, `${pointKey(POINT)}${OBSERVED_UNTIL_SUFFIX}`);
  let folder: string;
  let copyFolder: string;
  beforeEach(() => {
    folder = temporaryFolder();
    copyFolder = temporaryFolder();
  });

  const watermark = (bootId = 'boot-1', mapper: PageMapper = loadCaptureAddon()) =>
    new ObservedUntil({ folder, copyFolder, bootId }, POINT, mapper);
  const opened = (bootId?: string) => {
    const observed = watermark(bootId);
    observed.open();
    return observed;
  };

  test('is unknown in the first run, and what was set last in the next, without a word when the first ended', () => {
    const first = opened();
    expect([first.absentSince, first.isOpen]).toEqual([undefined, true]);
    first.set(1000);
    first.set(2000.25);
    expect(opened().absentSince).toBe(2000.25);
    first.close();
    expect(first.isOpen).toBe(false);
    first.set(3000);
    expect(opened().absentSince).toBe(2000.25);
  });

  test('is kept over a run that observes nothing', () => {
    opened().set(1000);
    opened();
    opened();
    expect(opened().absentSince).toBe(1000);
  });

  test('is made again where somebody deleted it, with what was set last', () => {
    const observed = opened();
    observed.set(1000);
    rmSync(folder, { recursive: true });
    expect(observed.isOpen).toBe(false);
    observed.open();
    expect(observed.isOpen).toBe(true);
    expect(opened().absentSince).toBe(1000);
  });

  test('is that of the copy where the folder of memory has lost its file', () => {
    opened().set(1000);
    copyFileSync(pathIn(folder), pathIn(copyFolder));
    opened().set(2000);
    expect(opened().absentSince).toBe(2000);
    rmSync(pathIn(folder));
    expect(opened().absentSince).toBe(1000);
  });

  test('is forgotten in both places, so that nobody is missed', () => {
    const observed = opened();
    observed.set(1000);
    copyFileSync(pathIn(folder), pathIn(copyFolder));
    observed.forget();
    expect([readdirSync(folder), readdirSync(copyFolder)]).toEqual([[], []]);
    expect(opened().absentSince).toBeUndefined();
  });

  test('stays what it was where a new one cannot be made: an absence may be too long, never too short', () => {
    opened().set(1000);
    const full = { ...boundAddon(), reserveFile: () => refuse('ENOSPC') };
    const observed = watermark('boot-1', full);
    expect(() => observed.open()).toThrow('ENOSPC');
    expect([observed.absentSince, observed.isOpen]).toEqual([1000, false]);
    observed.set(5000);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(opened().absentSince).toBe(1000);
  });

  test('gives its pages back where it cannot take the place of the one before', () => {
    let mapped = 0;
    const addon = boundAddon();
    const map: PageMapper['map'] = (...range) => {
      mapped += 1;
      return addon.map(...range);
    };
    const unmap: PageMapper['unmap'] = (buffer) => {
      mapped -= 1;
      addon.unmap(buffer);
    };
    mkdirSync(join(pathIn(folder), 'in the way'), { recursive: true });
    expect(() => watermark('boot-1', { ...addon, map, unmap }).open()).toThrow();
    expect(mapped).toBe(0);
  });

  function refuse(code: string): never {
    throw Object.assign(new Error(code), { code });
  }

  function boundAddon(): PageMapper {
    const addon = loadCaptureAddon();
    return {
      pageBytes: () => addon.pageBytes(),
      reserveFile: (...range) => addon.reserveFile(...range),
      map: (...range) => addon.map(...range),
      unmap: (buffer) => addon.unmap(buffer),
      prepare: (buffer) => addon.prepare(buffer),
      share: (buffer) => addon.share(buffer),
      adopt: (promise) => addon.adopt(promise),
    };
  }
});
