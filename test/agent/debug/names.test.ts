import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Names, QUESTIONS_MAX } from '../../../agent/debug/names.ts';

const addressOf = (host: number) => `10.0.0.${host}`;

describe('names in the live table', () => {
  test('take the place of an address once they are known, and services that of a port', async () => {
    let told = 0;
    const names = new Names(
      async (address) => [`host-of-${address}.example.`],
      () => told++,
    );
    expect(names.write(addressOf(1), 50_000)).toBe('10.0.0.1:50000');
    expect(names.write('0.0.0.0', 443)).toBe('0.0.0.0:https');
    await setImmediate();
    expect(told).toBe(2);
    expect(names.write(addressOf(1), 50_000)).toBe('host-of-10.0.0.1.example.:50000');
    expect(names.write(addressOf(1), undefined)).toBe('host-of-10.0.0.1.example.');
  });

  test('are asked for once, also where there is none, and a few at a time', async () => {
    const asked: string[] = [];
    let answer: (() => void) | undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const names = new Names(
      async (address) => {
        asked.push(address);
        await answered;
        throw new Error('no such name');
      },
      () => undefined,
    );
    for (let host = 1; host <= 3 * QUESTIONS_MAX; host++) names.write(addressOf(host), 50_000);
    expect(asked).toHaveLength(QUESTIONS_MAX);
    answer!();
    await setImmediate();
    names.write(addressOf(1), 50_000);
    names.write(addressOf(QUESTIONS_MAX + 1), 50_000);
    expect(asked).toHaveLength(QUESTIONS_MAX + 1);
    expect(names.write(addressOf(1), 50_000)).toBe('10.0.0.1:50000');
  });

  test('bring nothing to the terminal that it would obey', async () => {
    const names = new Names(
      async () => ['\u001b[2J<evil>\u0007.example'],
      () => undefined,
    );
    names.write(addressOf(1), 50_000);
    await setImmediate();
    expect(names.write(addressOf(1), 50_000)).toBe('??2J?evil??.example:50000');
  });

  test('leave an IPv6 address apart from its service', () => {
    const names = new Names(
      () => new Promise(() => undefined),
      () => undefined,
    );
    expect(names.write('2001:db8::1', 53)).toBe('[2001:db8::1]:domain');
  });
});
