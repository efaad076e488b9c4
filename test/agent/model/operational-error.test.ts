import { describe, expect, test } from 'vitest';
import { ERROR_CODES, EXIT, OperationalError } from '../../../agent/model/operational-error.ts';

describe('an operational failure', () => {
  test('says what failed, and ends a command with the exit code of its kind', () => {
    const error = new OperationalError('config.invalid', 'flowlogd.yaml has 2 problems.');
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.message, error.code, error.exitCode]).toEqual([
      'OperationalError',
      'flowlogd.yaml has 2 problems.',
      'config.invalid',
      78,
    ]);
  });

  test('has the cause that it was given, and no such member where there was none', () => {
    const cause = new Error('ENOSPC');
    expect(new OperationalError('output.failed', 'Writing failed.', cause).cause).toBe(cause);
    expect('cause' in new OperationalError('output.failed', 'Writing failed.')).toBe(false);
  });
});

/** Scripts and service managers act on these numbers: a change breaks them. */
test('exit codes are those of sysexits(3)', () => {
  expect(EXIT).toEqual({
    ok: 0,
    usage: 64,
    badData: 65,
    noInput: 66,
    unavailable: 69,
    bug: 70,
    cannotCreate: 73,
    ioError: 74,
    permission: 77,
    configuration: 78,
  });
});

test.each<[number, RegExp]>([
  [64, /^(usage\.invalid|capture\.filter)$/],
  [65, /^(savefile\.(format|damaged|link-type)|spool\.(damaged|newer)|logservice\.refused|analysis\.unanswerable)$/],
  [66, /^(capture\.no-interface|savefile\.unreadable|config\.unreadable)$/],
  [73, /^(spool|registry)\.unusable$/],
  [74, /^output\.failed$/],
  [77, /^(capture|conntrack)\.permission$/],
  [78, /^(config\.invalid|flow-log\.refused|registry\.newer)$/],
])('%d is the exit code of what matches %s, and of nothing else', (exitCode, pattern) => {
  const codes = Object.entries(ERROR_CODES);
  expect(codes.filter(([, code]) => code === exitCode)).toEqual(codes.filter(([name]) => pattern.test(name)));
});
