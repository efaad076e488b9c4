import {
  chmodSync,
  chownSync,
  closeSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openOutputFile } from '../../../agent/capture/output-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("output-file: skipped where a file must be another user's, which needs root\n");
const SOMEBODY = 12_345;

/** As /tmp is. */
function sharedFolder(): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o1777);
  return folder;
}

function write(path: string): void {
  const file = openOutputFile(path, 0o600);
  writeSync(file, 'new');
  closeSync(file);
}

describe('a file that a command was told to write, in a folder that all users share', () => {
  test('is made, with its mode, and made anew when it is there', () => {
    const path = join(sharedFolder(), 'capture.pcap');
    write(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, 'longer than what follows');
    write(path);
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  test('is never what a link points to', () => {
    const folder = sharedFolder();
    const victim = join(temporaryFolder(), 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(folder, 'capture.pcap'));
    symlinkSync(join(folder, 'not-yet'), join(folder, 'dangling.pcap'));
    expect(() => write(join(folder, 'capture.pcap'))).toThrow('ELOOP');
    expect(() => write(join(folder, 'dangling.pcap'))).toThrow('ELOOP');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  test.skipIf(!isRoot)("is never another user's, and that one is left as it is", () => {
    const path = join(sharedFolder(), 'capture.pcap');
    writeFileSync(path, 'theirs', { mode: 0o666 });
    chownSync(path, SOMEBODY, SOMEBODY);
    // The kernel refuses first where fs.protected_regular is set.
    expect(() => write(path)).toThrow(/not a file of yours|EACCES/);
    expect(readFileSync(path, 'utf8')).toBe('theirs');
  });
});

test("in a folder of one's own a link is followed, as /dev/stdout needs it", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'target'), 'old');
  symlinkSync('target', join(folder, 'link'));
  write(join(folder, 'link'));
  expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('new');
});
