import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Names, QUESTIONS_MAX } from '../../../agent/debug/names.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';

const window = { interfaceName: 'eth0', first: 0, last: 0, windowStart: 0, windowPackets: 0, windowBytes: 0 };
const flowFrom = (host: number, fields: Partial<FlowRecord> = {}) => ({
  ...window,
  record: { ...createFlowRecord(), source0: 0x0a00_0000 + host, sourcePort: 50_000, destinationPort: 443, ...fields },
});

describe('names in the live table', () => {
  test('take the place of an address once they are known, and services that of a port', async () => {
    let told = 0;
    const names = new Names(
      async (address) => [`host-of-${address}.example.`],
      () => told++,
    );
    expect(names.write(flowFrom(1), 'source')).toBe('10.0.0.1:50000');
    expect(names.write(flowFrom(1), 'destination')).toBe('0.0.0.0:https');
    await setImmediate();
    expect(told).toBe(2);
    expect(names.write(flowFrom(1), 'source')).toBe('host-of-10.0.0.1.example.:50000');
    expect(names.write(flowFrom(1, { sourcePort: 0, destinationPort: 0 }), 'source')).toBe('host-of-10.0.0.1.example.');
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
    for (let host = 1; host <= 3 * QUESTIONS_MAX; host++) names.write(flowFrom(host), 'source');
    expect(asked).toHaveLength(QUESTIONS_MAX);
    answer!();
    await setImmediate();
    names.write(flowFrom(1), 'source');
    names.write(flowFrom(QUESTIONS_MAX + 1), 'source');
    expect(asked).toHaveLength(QUESTIONS_MAX + 1);
    expect(names.write(flowFrom(1), 'source')).toBe('10.0.0.1:50000');
  });

  test('bring nothing to the terminal that it would obey', async () => {
    const names = new Names(
      async () => ['\u001b[2J<evil>\u0007.example'],
      () => undefined,
    );
    names.write(flowFrom(1), 'source');
    await setImmediate();
    expect(names.write(flowFrom(1), 'source')).toBe('??2J?evil??.example:50000');
  });

  test('leave an IPv6 address apart from its service', () => {
    const names = new Names(
      () => new Promise(() => undefined),
      () => undefined,
    );
    expect(names.write(flowFrom(1, { family: 6, source0: 0x2001_0db8, source3: 1, sourcePort: 53 }), 'source')).toBe(
      '[2001:db8::1]:domain',
    );
  });
});
