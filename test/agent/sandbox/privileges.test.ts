import { describe, expect, test } from 'vitest';
import { CAP_NET_RAW, CAP_SETPCAP, dropPrivileges } from '../../../agent/sandbox/privileges.ts';

const PROGRAM = { path: '/usr/bin/node', words: ['node', 'flowlogd', 'run'] };

/** What is asked of the addon by a thread with these permitted capabilities. */
function asked(permitted: readonly number[]): string[] {
  const calls: string[] = [];
  const mask = permitted.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
  const threadStatus = `Name:\tnode\nCapInh:\t0000000000000000\nCapPrm:\t${mask.toString(16).padStart(16, '0')}\n`;
  dropPrivileges(
    {
      limitCapabilities: (kept) => calls.push(`limit ${kept}`),
      keepCapabilities: (kept) => calls.push(`keep ${kept}`),
      execute: (path, words) => calls.push(`execute ${path} ${words.join(' ')}`),
    },
    [CAP_NET_RAW],
    threadStatus,
    PROGRAM,
  );
  return calls;
}

describe('an agent that was started', () => {
  test('as root limits itself and starts anew, so that every thread has no more', () => {
    const everything = Array.from({ length: 41 }, (_, number) => number);
    expect(asked(everything).slice(0, 2)).toEqual(['limit 13', 'execute /usr/bin/node node flowlogd run']);
  });

  test('with what it needs goes on, and gives nothing to what it executes', () => {
    expect(asked([CAP_NET_RAW])).toEqual(['keep 13']);
  });

  test('with nothing goes on, and fails where it captures', () => {
    expect(asked([])).toEqual(['keep 13']);
  });

  test('with more but without the right to limit itself does not start again and again', () => {
    expect(asked([CAP_NET_RAW, 0, 1])).toEqual(['keep 13']);
    expect(CAP_SETPCAP).toBe(8);
  });
});
