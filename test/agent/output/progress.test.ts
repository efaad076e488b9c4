import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createProgress, progressLine } from '../../../agent/output/progress.ts';
import { TextOutput } from '../../../agent/terminal/text-output.ts';
import { Collected } from '../../support/in-process.ts';

const MB = 1_000_000;
const ERASE_LINE = '\r\u001b[K';

describe('the line of a progress', () => {
  test.each<[number, number | undefined, number, string]>([
    [25 * MB, 100 * MB, 1, '[########......................] 25 %, 25.0 MB/s, 3 s left'],
    [100 * MB, 100 * MB, 4, '[##############################] 100 %, 25.0 MB/s, 0 s left'],
    [120 * MB, 100 * MB, 4, '[##############################] 100 %, 30.0 MB/s, 0 s left'],
    [0, 100 * MB, 4, '[..............................] 0 %, 0 B/s'],
    [99.99 * MB, 100 * MB, 1, '[##############################] 99 %, 100.0 MB/s, 0 s left'],
    [25 * MB, undefined, 1, '25.0 MB read, 25.0 MB/s'],
    [25 * MB, 0, 1, '25.0 MB read, 25.0 MB/s'],
  ])('after %d of %s bytes in %d s is %s', (bytes, total, seconds, line) => {
    expect(progressLine(bytes, total, seconds)).toBe(line);
  });
});

describe('the progress of a replay', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function shown(total: number | undefined, columns: number | undefined = 80) {
    const stream = new Collected(columns);
    const progress = createProgress(new TextOutput(stream), total);
    /** What stands on the line after another second. */
    const second = (file: string, bytes: number): string => {
      vi.advanceTimersByTime(1000);
      progress.show(file, bytes);
      return stream.text.split(ERASE_LINE).at(-1)!;
    };
    return { stream, progress, second };
  }

  test('adds up its files', () => {
    const { second } = shown(100 * MB);
    expect(second('a.pcap', 10 * MB)).toMatch(/ 10 %, 10\.0 MB\/s, 9 s left$/);
    expect(second('a.pcap', 40 * MB)).toMatch(/ 40 %, 20\.0 MB\/s, 3 s left$/);
    expect(second('b.pcap', 20 * MB)).toMatch(/ 60 %, 20\.0 MB\/s, 2 s left$/);
  });

  test('adds up a file that is named twice', () => {
    const { second } = shown(80 * MB);
    expect(second('a.pcap', 40 * MB)).toMatch(/ 50 %/);
    expect(second('a.pcap', 20 * MB)).toMatch(/ 75 %/);
    expect(second('a.pcap', 40 * MB)).toMatch(/ 100 %/);
  });

  test('shows nothing of what is over in a blink, and no more than ten lines a second', () => {
    const { stream, progress } = shown(MB);
    vi.advanceTimersByTime(499);
    progress.show('a.pcap', 1);
    progress.clear();
    expect(stream.text).toBe('');
    vi.advanceTimersByTime(1);
    for (let each = 0; each < 100; each++) {
      progress.show('a.pcap', each);
      vi.advanceTimersByTime(10);
    }
    expect(stream.text.split(ERASE_LINE)).toHaveLength(1 + 10);
  });

  test('leaves a clean line', () => {
    const { stream, progress, second } = shown(MB);
    second('a.pcap', 1);
    progress.clear();
    expect(stream.text.endsWith(ERASE_LINE)).toBe(true);
  });

  test('is not shown where there is no terminal, or where it is not wanted', () => {
    const stream = new Collected();
    for (const progress of [createProgress(new TextOutput(stream), MB), createProgress(undefined, MB)]) {
      vi.advanceTimersByTime(5000);
      progress.show('a.pcap', 1);
      progress.clear();
    }
    expect(stream.text).toBe('');
  });
});
