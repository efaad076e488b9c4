import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { handOver } from '../../../agent/sandbox/hand-over.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ACCOUNT = { uid: 61_001, gid: 61_002, label: 'tester' };
const OTHER = 61_003;
const isRoot = process.getuid!() === 0;
if (!isRoot) process.stderr.write('handing over state: skipped, only root changes owners\n');

function state(): string {
  const folder = join(temporaryFolder(), 'state');
  mkdirSync(join(folder, 'spool/sinks/cls'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'spool/sinks/cls/1.flows'), '');
  writeFileSync(join(folder, 'flow-logs.json'), '{}');
  return folder;
}

const ownerOf = (path: string) => [lstatSync(path).uid, lstatSync(path).gid];

describe.skipIf(!isRoot)('state of root', () => {
  test('becomes the state of the user as a whole, once', () => {
    const folder = state();
    expect(handOver(folder, ACCOUNT)).toBe(6);
    for (const path of ['', 'spool', 'spool/sinks/cls/1.flows', 'flow-logs.json']) {
      expect(ownerOf(join(folder, path))).toEqual([ACCOUNT.uid, ACCOUNT.gid]);
    }
    expect(handOver(folder, ACCOUNT)).toBe(0);
  });

  test('is made where there is none, for the user alone', () => {
    const folder = join(temporaryFolder(), 'var/lib/state');
    expect(handOver(folder, ACCOUNT)).toBe(1);
    expect([ownerOf(folder), lstatSync(folder).mode & 0o777]).toEqual([[ACCOUNT.uid, ACCOUNT.gid], 0o700]);
    expect(lstatSync(join(folder, '../..')).mode & 0o005).toBe(0o005);
  });

  test('leaves what a link in it names, and what belongs to another user', () => {
    const folder = state();
    const secret = join(folder, '../secret');
    writeFileSync(secret, 'root');
    symlinkSync(secret, join(folder, 'spool/link'));
    writeFileSync(join(folder, 'spool/other'), '');
    chownSync(join(folder, 'spool/other'), OTHER, OTHER);
    handOver(folder, ACCOUNT);
    expect(ownerOf(secret)).toEqual([0, 0]);
    expect(ownerOf(join(folder, 'spool/link'))).toEqual([ACCOUNT.uid, ACCOUNT.gid]);
    expect(ownerOf(join(folder, 'spool/other'))).toEqual([OTHER, OTHER]);
  });

  test.each([
    [
      'holds a file that flowlogd does not make',
      (folder: string) => writeFileSync(join(folder, 'passwd'), ''),
      /holds passwd, which is not of flowlogd/,
    ],
    ['can be written by others', (folder: string) => chmodSync(folder, 0o770), /can be written by others than root/],
    [
      'belongs to another user',
      (folder: string) => chownSync(folder, OTHER, OTHER),
      /belongs to the user with the number 61003/,
    ],
  ])('stays as it is where it %s', (_, damage, reason) => {
    const folder = state();
    damage(folder);
    expect(() => handOver(folder, ACCOUNT)).toThrow(reason);
    expect(ownerOf(join(folder, 'spool/sinks/cls/1.flows'))).toEqual([0, 0]);
  });

  test('keeps a hand-over that was cut short for the next start', () => {
    const folder = state();
    chownSync(join(folder, 'flow-logs.json'), ACCOUNT.uid, ACCOUNT.gid);
    expect(handOver(folder, ACCOUNT)).toBe(5);
    expect(readFileSync(join(folder, 'flow-logs.json'), 'utf8')).toBe('{}');
  });
});
