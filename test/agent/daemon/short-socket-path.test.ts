import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { shortSocketPath } from '../../../agent/daemon/short-socket-path.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A folder whose sockets have paths that the kernel refuses. */
function deepFolder(): string {
  const folder = join(temporaryFolder(), 'x'.repeat(100));
  mkdirSync(folder);
  return folder;
}

/** Somebody who listens there, and says a word to each that comes. */
async function listening(path: string, word: string): Promise<void> {
  const server = createServer((socket) => socket.end(word));
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(path, resolve));
  onTestFinished(() => void server.close());
}

function heardAt(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    createConnection(path)
      .on('error', reject)
      .on('data', (data) => {
        text += data;
      })
      .on('close', () => resolve(text));
  });
}

describe('the path of a socket', () => {
  test('is itself as long as the kernel takes it', () => {
    const longest = `/${'x'.repeat(106)}`;
    expect(shortSocketPath('/run/flowlogd/service.sock')).toBe('/run/flowlogd/service.sock');
    expect(shortSocketPath(longest)).toBe(longest);
  });

  test('counts in bytes', () => {
    const folder = join(temporaryFolder(), 'ü'.repeat(45));
    mkdirSync(folder);
    expect(join(folder, 'service.sock').length).toBeLessThan(107);
    expect(shortSocketPath(join(folder, 'service.sock'))).toMatch(/^\/proc\/self\/fd\/\d+\/service\.sock$/);
  });

  test('that is too long reaches the same socket', async () => {
    const folder = deepFolder();
    const path = join(folder, 'service.sock');
    expect(Buffer.byteLength(path)).toBeGreaterThan(107);
    await listening(shortSocketPath(path), 'here');
    expect(await heardAt(shortSocketPath(path))).toBe('here');
  });

  test('reaches the folder that is there now, where it was made again', async () => {
    const folder = deepFolder();
    const path = join(folder, 'service.sock');
    shortSocketPath(path);
    renameSync(folder, `${folder}.old`);
    mkdirSync(folder);
    await listening(shortSocketPath(path), 'new');
    expect(await heardAt(shortSocketPath(path))).toBe('new');
    rmSync(`${folder}.old`, { recursive: true });
  });

  test('in a folder that is not there is refused by the system', () => {
    expect(() => shortSocketPath(`/nowhere/${'x'.repeat(200)}/service.sock`)).toThrow(/ENOENT/);
  });
});
