import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readTextFile } from '../../../agent/config/files.ts';
import { loadConfiguration } from '../../../agent/config/load.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** With a writer, or without one, as which a plain open would wait for ever. */
function fifo(path: string, content?: string): void {
  execFileSync('mkfifo', [path]);
  if (content === undefined) return;
  const file = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(file, content);
  onTestFinished(() => closeSync(file));
}

describe('a file that is read', () => {
  test.each([
    ['a FIFO without a writer', 'a FIFO', (path: string) => fifo(path)],
    ['a FIFO with a writer', 'a FIFO', (path: string) => fifo(path, 'flowLogs: []')],
    ['a folder', 'a directory', (path: string) => execFileSync('mkdir', [path])],
    ['a device', 'a device', (path: string) => execFileSync('ln', ['-s', '/dev/zero', path])],
  ])('is refused at once as %s', (_, kind, make) => {
    const path = join(temporaryFolder(), 'file');
    make(path);
    expect(() => readTextFile(path, 100)).toThrow(`${kind}, expected a regular file`);
  });

  test('is refused at once as a socket', async () => {
    const path = join(temporaryFolder(), 'file');
    const server = createServer();
    await new Promise<void>((listening) => server.listen(path, listening));
    expect(() => readTextFile(path, 100)).toThrow();
    server.close();
  });

  test('is read to its limit and a byte more', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, 'x'.repeat(200));
    expect(readTextFile(path, 100).text).toHaveLength(101);
  });

  test('may be no FIFO where the configuration names it, either', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'flowlogd.yaml');
    fifo(join(folder, 'key'));
    const sink = 'sinks: { a: { type: cls, endpoint: "https://h", topicId: t, secretId: AKID, secretKeyFile: key } }';
    writeFileSync(path, `flowLogs: []\n${sink}\n`, { mode: 0o600 });
    const load = () =>
      loadConfiguration({ path, environment: {}, readTextFile, sinkKinds: SINKS, zstd: true, readNamedFiles: true });
    expect(load).toThrow(/sinks\.a\.secretKeyFile: cannot read .*\/key: a FIFO, expected a regular file/);
  });
});
