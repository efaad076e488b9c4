import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { refuseForeignState, warnOfOpenState } from '../../../agent/daemon/state-folder.ts';
import { createLog } from '../../../agent/telemetry/log.ts';
import { foreignOnTheWay } from '../../../logservice/store/foreign-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("state-folder: skipped where a folder must be another user's, which needs root\n");
const SOMEBODY = 12_345;

/** As /tmp is. */
function sharedFolder(): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o1777);
  return folder;
}

describe('a state directory', () => {
  test.skipIf(!isRoot)("is refused when it is another user's and lies where all users make folders", () => {
    const path = join(sharedFolder(), 'state');
    mkdirSync(path);
    expect(() => refuseForeignState(path)).not.toThrow();
    chownSync(path, SOMEBODY, SOMEBODY);
    expect(() => refuseForeignState(path)).toThrow(/owned by user 12345, .* set stateDirectory to/);
  });

  test.skipIf(!isRoot)("may be another user's elsewhere, as a container's volume is, or not be there yet", () => {
    const path = join(temporaryFolder(), 'state');
    expect(() => refuseForeignState(path)).not.toThrow();
    mkdirSync(path);
    chownSync(path, SOMEBODY, SOMEBODY);
    expect(() => refuseForeignState(path)).not.toThrow();
  });

  test.skipIf(!isRoot)("is refused behind another user's link or folder where all users make them", () => {
    const shared = sharedFolder();
    const [own, link, folder] = [join(temporaryFolder(), 'state'), join(shared, 'link'), join(shared, 'folder')];
    for (const path of [own, folder]) mkdirSync(path);
    mkdirSync(join(folder, 'state'));
    symlinkSync(own, link);
    const paths = [link, join(link, 'deeper'), join(folder, 'state'), join(folder, 'new')];
    for (const path of paths) {
      expect(() => refuseForeignState(path)).not.toThrow();
      expect(foreignOnTheWay(path)).toBeUndefined();
    }
    lchownSync(link, SOMEBODY, SOMEBODY);
    chownSync(folder, SOMEBODY, SOMEBODY);
    for (const path of paths) {
      expect(() => refuseForeignState(path)).toThrow(
        /^Opening the state directory \/.* failed: \/.*\/(link|folder) is (a link )?owned by user 12345, in a folder that all users share;/,
      );
      expect(foreignOnTheWay(path)?.user).toBe(SOMEBODY);
    }
    const through = join(temporaryFolder(), 'through');
    symlinkSync(join(folder, 'state'), through);
    expect(() => refuseForeignState(through)).toThrow(/folder is owned by user 12345/);
  });

  test.skipIf(!isRoot)('is refused behind links of its own that lead there, also to what is not there yet', () => {
    const shared = sharedFolder();
    const own = temporaryFolder();
    const [folder, link] = [join(shared, 'folder'), join(shared, 'link')];
    mkdirSync(folder);
    symlinkSync(own, link);
    symlinkSync(join(folder, 'missing'), join(own, 'dangling'));
    symlinkSync(folder, join(own, 'through'));
    symlinkSync(link, join(own, 'there-and-back'));
    symlinkSync('loop', join(own, 'loop'));
    const paths = ['dangling', 'dangling/deeper', 'through/missing', 'there-and-back/state'].map((path) =>
      join(own, path),
    );
    const look = () => paths.map((path) => foreignOnTheWay(path)?.user);
    expect(look()).toEqual([undefined, undefined, undefined, undefined]);
    chownSync(folder, SOMEBODY, SOMEBODY);
    lchownSync(link, SOMEBODY, SOMEBODY);
    expect(look()).toEqual([SOMEBODY, SOMEBODY, SOMEBODY, SOMEBODY]);
    for (const path of paths) expect(() => refuseForeignState(path)).toThrow(/owned by user 12345/);
    expect(() => refuseForeignState(join(own, 'loop'))).not.toThrow();
  });

  test.each([
    [0o777, 1],
    [0o1777, 1],
    [0o775, 0],
    [0o700, 0],
  ])('of mode %i that all users can write is warned about', (mode, warnings) => {
    const path = temporaryFolder();
    chmodSync(path, mode);
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    warnOfOpenState(path, createLog({ level: 'info', nowMs: Date.now, destination } as never));
    expect(lines).toHaveLength(warnings);
    const octal = mode.toString(8).padStart(4, '0');
    for (const line of lines) expect(line).toContain(`is world-writable (mode ${octal}): every user can replace`);
  });
});
