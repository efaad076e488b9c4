import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownCommand, quoted } from '../../../agent/cli/own-command.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A program of two folders, and a folder for links to it. */
function installation(): { readonly entry: string; readonly bin: string; readonly folder: string } {
  const folder = temporaryFolder();
  const entry = join(folder, 'main.js');
  const bin = join(folder, 'bin');
  writeFileSync(entry, '');
  mkdirSync(bin);
  return { entry, bin, folder };
}

describe('the command that runs this very program', () => {
  test('is the one on the path, if that is it', () => {
    const { entry, bin } = installation();
    symlinkSync(entry, join(bin, 'flowlogd'));
    expect(ownCommand({ PATH: `/nowhere:${bin}` }, entry)).toBe('flowlogd');
    expect(ownCommand({ PATH: `/nowhere:${bin}` }, join(bin, 'flowlogd'))).toBe('flowlogd');
  });

  test('is its file where the path has none, another, or a broken one', () => {
    const { entry, bin, folder } = installation();
    expect(ownCommand({ PATH: bin }, entry)).toBe(`node ${entry}`);
    expect(ownCommand({}, entry)).toBe(`node ${entry}`);
    symlinkSync(join(folder, 'gone'), join(bin, 'flowlogd'));
    expect(ownCommand({ PATH: bin }, entry)).toBe(`node ${entry}`);
    const other = installation();
    symlinkSync(other.entry, join(other.bin, 'flowlogd'));
    expect(ownCommand({ PATH: other.bin }, entry)).toBe(`node ${entry}`);
  });

  test('is npx in a clone, which npm tells by a variable', () => {
    expect(ownCommand({ npm_command: 'exec', PATH: '' }, '/clone/dist/agent/main.js')).toBe('npx flowlogd');
  });

  test('can be pasted into a shell, whatever the folder is called', () => {
    expect(ownCommand({}, "/home/o'neil/my clone/main.js")).toBe("node '/home/o'\\''neil/my clone/main.js'");
  });
});

describe('a word for the shell', () => {
  test.each([
    ['/var/lib/flowlogd', '/var/lib/flowlogd'],
    ['eth0@if3', 'eth0@if3'],
    ['', "''"],
    ['a b', "'a b'"],
    ['$HOME', "'$HOME'"],
    ['a;reboot', "'a;reboot'"],
    ['~', "'~'"],
    ["it's", "'it'\\''s'"],
    ['two\nlines', "'two\nlines'"],
    ['ü', "'ü'"],
  ])('%j is %s', (word, expected) => expect(quoted(word)).toBe(expected));

  test('is read back by a shell as it was', () => {
    const shellWord = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    const words = fc.sample(shellWord, 300);
    const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(quoted).join(' ')}`], { encoding: 'utf8' });
    expect(printed.split('\0').slice(0, -1)).toEqual(words);
  });
});
