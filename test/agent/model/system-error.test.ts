import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { isPassing, isSystemError } from '../../../agent/model/system-error.ts';

function thrownBy(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

describe('an error of the system', () => {
  test('is what the kernel refused', () => {
    const error = thrownBy(() => readFileSync('/proc/self/absent'));
    expect(isSystemError(error) && error.code).toBe('ENOENT');
  });

  test.each<[string, unknown]>([
    ['a mistake in the program', thrownBy(() => (undefined as unknown as string).length)],
    ['an error whose code is a number', Object.assign(new Error('of another library'), { code: 2 })],
    ['no error, whatever its members', { code: 'ENOENT', message: 'no such file' }],
    ['a text', 'ENOENT'],
    ['nothing', undefined],
  ])('is not %s', (_what, thrown) => expect(isSystemError(thrown)).toBe(false));

  /** Of all codes that there are: a file is called damaged where the refusal is about the file, never where it is about us. */
  test('passes where rights, descriptors or memory are short, and nowhere else', () => {
    const passing = Object.keys(constants.errno).filter((code) => isPassing({ code }));
    expect(passing.toSorted()).toEqual(['EACCES', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'EPERM']);
  });
});
