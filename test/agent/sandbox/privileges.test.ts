import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { takeEntry } from '../../../agent/sandbox/entry.ts';
import { hasRings } from '../../../agent/sandbox/limit-system-calls.ts';
import { CAP_NET_RAW, CAP_SETPCAP, limitThread } from '../../../agent/sandbox/privileges.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const PROGRAM = { path: '/usr/bin/node', words: ['node', 'flowlogd', 'run'] };

/** What is asked of the addon by a thread with these permitted capabilities, on a kernel with this Landlock. */
function asked(
  permitted: readonly number[],
  landlock = 0,
  { folder = temporaryFolder(), firstOutOfReach = (): number => -1 } = {},
): string[] {
  const calls: string[] = [];
  const mask = permitted.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
  const threadStatus = `Name:\tnode\nCapInh:\t0000000000000000\nCapPrm:\t${mask.toString(16).padStart(16, '0')}\n`;
  const addon = {
    limitCapabilities: (kept: readonly number[], uid: number) => calls.push(`limit ${kept} ${uid}`),
    passCapabilities: (kept: readonly number[]) => calls.push(`pass ${kept}`),
    filterSystemCalls: () => calls.push('no rings'),
    execute: (path: string, words: readonly string[]) => calls.push(`execute ${path} ${words.join(' ')}`),
    landlockVersion: () => landlock,
    limitFiles: () => calls.push('files'),
    userNamed: () => undefined,
    isIdTaken: () => false,
    firstOutOfReach,
  };
  const needs = { user: 'root', folders: [folder], files: [], runtimeFolder: undefined };
  limitThread(addon, [CAP_NET_RAW], threadStatus, needs, PROGRAM);
  return calls;
}

const EVERYTHING = Array.from({ length: 41 }, (_, number) => number);
const EXECUTED = ['no rings', 'execute /usr/bin/node node flowlogd run'];
/** A thread that can give up nothing: by some versions of Node.js this process has rings of io_uring, and it starts anew to be without. */
const NOTHING_TO_LIMIT = hasRings() ? ['pass 13', ...EXECUTED] : [];

describe('an agent that was started', () => {
  afterEach(() => void takeEntry());

  test('as root limits itself and starts anew, so that every thread has no more', () => {
    expect(asked(EVERYTHING)).toEqual(['limit 13 -1', ...EXECUTED]);
    expect(asked(EVERYTHING, 7)).toEqual(['limit 13 -1', 'files', ...EXECUTED]);
  });

  test.skipIf(process.getuid!() !== 0)('as root that stays root can do with files what it must, and no more', () => {
    expect(asked(EVERYTHING, 0, { firstOutOfReach: () => 0 })).toEqual(['limit 13,2 -1', ...EXECUTED]);
    const denied = () => {
      throw Object.assign(new Error('refused'), { code: 'EPERM', errno: -1, syscall: 'asking' });
    };
    expect(asked(EVERYTHING, 0, { firstOutOfReach: denied })).toEqual(['limit 13,2 -1', ...EXECUTED]);
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'spool'));
    chownSync(join(folder, 'spool'), 1000, 1000);
    expect(asked(EVERYTHING, 0, { folder })).toEqual(['limit 13,1 -1', ...EXECUTED]);
    chownSync(folder, 1000, 1000);
    expect(asked(EVERYTHING, 0, { folder })).toEqual(['limit 13,1 -1', ...EXECUTED]);
  });

  test('with what it needs starts anew only where the kernel can limit its files', () => {
    expect(asked([CAP_NET_RAW])).toEqual(NOTHING_TO_LIMIT);
    expect(asked([CAP_NET_RAW], 7)).toEqual(['files', 'pass 13', ...EXECUTED]);
  });

  test('with nothing goes on, and fails where it captures', () => {
    expect(asked([])).toEqual(NOTHING_TO_LIMIT);
  });

  test('with more but without the right to limit itself does not start again and again', () => {
    expect(asked([CAP_NET_RAW, 0, 1])).toEqual(NOTHING_TO_LIMIT);
    expect(CAP_SETPCAP).toBe(8);
  });

  test('on a kernel that forbids links between folders leaves its files as they are, and says so', () => {
    expect(asked(EVERYTHING, 1)).toEqual(['limit 13 -1', ...EXECUTED]);
    expect(takeEntry()).toMatchObject({
      files: { limited: false, landlock: 1, reason: 'Landlock 1 refuses links between folders' },
    });
  });

  test('knows what it decided before it started anew, once', () => {
    asked(EVERYTHING, 7);
    expect(takeEntry()).toMatchObject({ userReason: null, files: { limited: true, landlock: 7, reason: null } });
    expect(takeEntry().files.limited).toBe(false);
  });
});
