import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FlowLogEntry } from '../../../agent/flow-logs/flow-log-entry.ts';
import { create, type Entries } from '../../../agent/flow-logs/registry.ts';
import {
  REGISTRY_FILE,
  readRegistry,
  setRegistryAside,
  writeRegistry,
} from '../../../agent/flow-logs/registry-file.ts';
import { CrashingDisk, fileSystemError, PowerCut } from '../../support/crashing-disk.ts';
import { arbitraryDeclaration } from '../../support/flow-log-entries.ts';

const FOLDER = '/state';
const PATH = `${FOLDER}/${REGISTRY_FILE}`;

const arbitraryEntries: fc.Arbitrary<Entries> = fc.array(arbitraryDeclaration, { maxLength: 4 }).map((declarations) => {
  let entries: Entries = [];
  for (const [at, declared] of declarations.entries()) {
    const outcome = create(entries, declared, at);
    if (outcome.kind === 'changed') entries = outcome.entries;
  }
  return entries;
});

const entriesOn = (disk: CrashingDisk) => {
  const found = readRegistry(disk, FOLDER);
  if (found.kind === 'damaged') throw new Error(found.reason);
  return found.entries;
};

describe('the registry on disk', () => {
  test('is what was written, and empty before', () => {
    fc.assert(
      fc.property(arbitraryEntries, arbitraryEntries, (first, second) => {
        const disk = new CrashingDisk(1);
        expect(entriesOn(disk)).toEqual([]);
        for (const entries of [first, second]) {
          writeRegistry(disk, FOLDER, entries);
          expect(entriesOn(disk)).toEqual(entries);
        }
        expect(disk.paths()).toEqual([PATH]);
      }),
    );
  });

  test('is the old or the new one after a power cut, and the new one once the write has come back', () => {
    fc.assert(
      fc.property(arbitraryEntries, arbitraryEntries, fc.nat(6), fc.integer(), (old, fresh, operations, seed) => {
        const disk = new CrashingDisk(seed);
        writeRegistry(disk, FOLDER, old);
        disk.operationsLeft = operations;
        let isWritten = false;
        try {
          writeRegistry(disk, FOLDER, fresh);
          isWritten = true;
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
        }
        disk.restart();
        const found = entriesOn(disk);
        expect(isWritten ? [fresh] : [old, fresh]).toContainEqual(found);
        writeRegistry(disk, FOLDER, fresh);
        expect(entriesOn(disk)).toEqual(fresh);
      }),
    );
  });

  test.each(['create', 'rename', 'syncFolder'] as const)(
    'says so when the disk refuses to %s, and is the old one',
    (operation) => {
      const disk = new CrashingDisk(1);
      const [entries] = fc.sample(
        arbitraryEntries.filter(({ length }) => length > 0),
        { numRuns: 1, seed: 1 },
      );
      writeRegistry(disk, FOLDER, []);
      disk.fault = (at, path) => {
        if (at === operation) throw fileSystemError('ENOSPC', path);
      };
      expect(() => writeRegistry(disk, FOLDER, entries!)).toThrow(
        /^Writing the flow logs .*flow-logs\.json failed: ENOSPC/,
      );
      if (operation !== 'syncFolder') expect(entriesOn(disk)).toEqual([]);
    },
  );

  test('is damaged, whichever byte has changed', () => {
    fc.assert(
      fc.property(arbitraryEntries, fc.nat(), (entries, at) => {
        const disk = new CrashingDisk(1);
        writeRegistry(disk, FOLDER, entries);
        disk.damage(PATH, at);
        let found: ReturnType<typeof readRegistry>;
        try {
          found = readRegistry(disk, FOLDER);
        } catch (error) {
          // The one byte that makes it another version's.
          expect(String(error)).toMatch(/newer flowlogd/);
          return;
        }
        // White space at the end is no part of it.
        if (found.kind === 'entries') expect(found.entries).toEqual(entries);
        else expect(found.reason).toMatch(/^not |checksum/);
      }),
    );
  });

  test('is set aside as it was', () => {
    const disk = new CrashingDisk(1);
    writeRegistry(disk, FOLDER, []);
    const before = disk.readNow(PATH);
    const aside = setRegistryAside(disk, FOLDER, 1_700_000_000);
    expect(aside).toBe(`${PATH}.damaged-1700000000`);
    expect(disk.readNow(aside)).toEqual(before);
    expect(entriesOn(disk)).toEqual([] satisfies FlowLogEntry[]);
  });

  test('of a newer flowlogd is left alone: the start ends with what to do', () => {
    const disk = new CrashingDisk(1);
    disk.create(PATH, [Buffer.from('{"schema":2,"flowLogs":[]}')]);
    const refusal = {
      code: 'registry.newer',
      exitCode: 78,
      message: expect.stringMatching(/newer .*schema 2.*Install/),
    };
    expect(() => readRegistry(disk, FOLDER)).toThrow(expect.objectContaining(refusal));
  });

  test('that cannot be read is no empty one', () => {
    const disk = new CrashingDisk(1);
    disk.fault = (_, path) => {
      throw fileSystemError('EIO', path);
    };
    expect(() => readRegistry(disk, FOLDER)).toThrow(/^Reading the flow logs .* failed: EIO/);
  });
});
