import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { binaryDestination, fileDestination, textDestination } from '../../../agent/output/byte-destination.ts';
import { TextOutput } from '../../../agent/terminal/text-output.ts';
import { Collected } from '../../support/in-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const text = (of: string): Uint8Array => Buffer.from(of);
const newPath = (): string => join(temporaryFolder(), 'records');

describe('a file that records are written to', () => {
  test('has them in order, whatever the buffer holds afterwards', () => {
    const path = newPath();
    const file = fileDestination(path);
    const buffer = Buffer.from('first ');
    file.write(buffer);
    buffer.fill('x');
    file.write(text('second'));
    file.end();
    expect(readFileSync(path, 'utf8')).toBe('first second');
  });

  test('is emptied before its first byte, and at its end, and not before', () => {
    const path = newPath();
    writeFileSync(path, 'from the run before');
    const file = fileDestination(path);
    expect(readFileSync(path, 'utf8')).toBe('from the run before');
    file.write(text('new'));
    file.end();
    expect(readFileSync(path, 'utf8')).toBe('new');
    fileDestination(path).end();
    expect(statSync(path).size).toBe(0);
  });

  test('is not there where nothing came of it, and stays where it was there', () => {
    const [made, found, broken] = [newPath(), newPath(), newPath()];
    writeFileSync(found, 'from the run before');
    symlinkSync(join(temporaryFolder(), 'target'), broken);
    for (const path of [made, found, broken]) fileDestination(path).abandon();
    expect(existsSync(made)).toBe(false);
    expect(readFileSync(found, 'utf8')).toBe('from the run before');
    expect(readFileSync(broken, 'utf8')).toBe('');
  });

  test('keeps what was written of it where it is abandoned later', () => {
    const path = newPath();
    const file = fileDestination(path);
    file.write(text('half'));
    file.abandon();
    expect(readFileSync(path, 'utf8')).toBe('half');
  });

  test('may be abandoned once it has ended: its descriptor may be that of another file by then', () => {
    const path = newPath();
    const file = fileDestination(path);
    file.end();
    const other = fileDestination(newPath());
    file.abandon();
    other.write(text('still open'));
    other.end();
    expect(existsSync(path)).toBe(true);
  });

  test.each([
    ['without a folder', '/nowhere/records', 'ENOENT'],
    ['that is a folder', '/tmp', 'EISDIR'],
    ['below a file', '/etc/passwd/records', 'ENOTDIR'],
    ['of too long a name', `/tmp/${'x'.repeat(300)}`, 'ENAMETOOLONG'],
  ])('%s is refused at once, in a sentence', (_what, path, code) => {
    const open = () => fileDestination(path);
    expect(open).toThrow(OperationalError);
    expect(open).toThrow(new RegExp(`^Writing records to ${path} failed: ${code}: .*\\.$`));
  });

  test('on a full disk says so', () => {
    const file = fileDestination('/dev/full');
    expect(() => file.write(text('x'))).toThrow(
      'Writing records to /dev/full failed: ENOSPC: no space left on device, write.',
    );
    file.abandon();
    expect(existsSync('/dev/full')).toBe(true);
  });
});

describe('standard output', () => {
  test('gets text with nothing in it that a terminal obeys, and other formats as they are', async () => {
    const [lines, batches] = [new Collected(), new Collected()];
    await textDestination(new TextOutput(lines)).write(text('a\u001b[31mb\n'));
    await binaryDestination(new TextOutput(batches)).write(text('a\u001b[31mb\n'));
    expect(lines.text).not.toContain('\u001b');
    expect(batches.text).toBe('a\u001b[31mb\n');
  });

  test('is waited for, so that a slow reader slows the writer', async () => {
    let read: () => void = () => undefined;
    const slow = new Writable({
      write: (_chunk, _encoding, done) => {
        read = done;
      },
    });
    let isWritten = false;
    const written = Promise.resolve(textDestination(new TextOutput(slow)).write(text('x'))).then(() => {
      isWritten = true;
    });
    await Promise.resolve();
    expect(isWritten).toBe(false);
    read();
    await written;
  });

  test('without a reader takes no more, and is no failure', async () => {
    const gone = Object.assign(new Error('EPIPE: broken pipe, write'), { code: 'EPIPE' });
    const pipe = new Writable({ write: (_chunk, _encoding, done) => done(gone) }).on('error', () => undefined);
    await expect(textDestination(new TextOutput(pipe)).write(text('x'))).resolves.toBeUndefined();
  });

  test('that cannot be written says so, whether it calls back or throws', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const pipe = new Writable({ write: (_chunk, _encoding, done) => done(full) }).on('error', () => undefined);
    const failure = 'Writing to standard output failed: ENOSPC: no space left on device, write.';
    await expect(textDestination(new TextOutput(pipe)).write(text('x'))).rejects.toThrow(failure);
    const throwing = Object.assign(Object.create(pipe), {
      write: () => {
        throw full;
      },
    });
    await expect(textDestination(new TextOutput(throwing)).write(text('x'))).rejects.toThrow(failure);
  });
});
