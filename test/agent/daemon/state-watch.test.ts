import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type StatePart, StateWatch, watchedFolder } from '../../../agent/daemon/state-watch.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function watch(...parts: StatePart[]) {
  const events = { onRemade: vi.fn(), onState: vi.fn(), onLooked: vi.fn() };
  const watching = new StateWatch(parts, events);
  onTestFinished(() => watching.stop());
  return { watching, ...events };
}

test('a folder that was deleted with its parents is made again within a second, for its owner alone', async () => {
  const path = join(temporaryFolder(), 'above', 'state');
  mkdirSync(path, { recursive: true });
  const { onRemade, onState } = watch(watchedFolder('state directory', path));
  rmSync(join(path, '..'), { recursive: true });
  await vi.waitFor(() => expect(onRemade).toHaveBeenCalledWith(['state directory']), { timeout: 5000 });
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(onState).not.toHaveBeenCalled();
});

test('a folder that was replaced is told once, and is then the known one', async () => {
  const path = join(temporaryFolder(), 'state');
  mkdirSync(path);
  const { watching, onRemade } = watch(watchedFolder('state directory', path));
  await watching.look();
  renameSync(path, `${path}.old`);
  mkdirSync(path);
  await watching.look();
  await watching.look();
  expect(onRemade).toHaveBeenCalledOnce();
});

test('what cannot be made is told once with its reason, and once when it is there; the other parts are looked at', async () => {
  const parent = join(temporaryFolder(), 'above');
  const path = join(parent, 'state');
  mkdirSync(path, { recursive: true });
  const other: StatePart = { name: 'other', isInPlace: () => false, remake: vi.fn() };
  const { watching, onRemade, onState } = watch(watchedFolder('state directory', path), other);
  rmSync(parent, { recursive: true });
  writeFileSync(parent, '');
  await watching.look();
  await watching.look();
  expect(onState.mock.calls).toEqual([[expect.stringMatching(/^state directory: ENOTDIR/)]]);
  expect(onRemade).toHaveBeenCalledWith(['other']);
  rmSync(parent);
  await watching.look();
  expect(onState).toHaveBeenLastCalledWith(undefined);
  expect(existsSync(path)).toBe(true);
});

test('a part that was dropped is not made again', async () => {
  const remake = vi.fn();
  const part: StatePart = { name: 'part', isInPlace: () => false, remake };
  const { watching } = watch();
  watching.add(part);
  await watching.look();
  watching.drop(part);
  await watching.look();
  expect(remake).toHaveBeenCalledOnce();
});
