import { describe, expect, test } from 'vitest';
import { createLog, type LogLevel } from '../../../agent/telemetry/log.ts';

function collected(level: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const clock = { ms: Date.UTC(2024, 0, 1) };
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, clock, log: createLog({ level, nowMs: () => clock.ms, destination }) };
}

describe('the log', () => {
  test('writes one JSON object a line with time, level, message and facts', () => {
    const { lines, log } = collected('info');
    log.info('capturing', { interface: 'eth0', snapBytes: 128 });
    log.debug('not asked for');
    log.error('upload failed', { error: new Error('reset') });
    expect(lines).toEqual([
      { level: 'info', time: '2024-01-01T00:00:00.000Z', interface: 'eth0', snapBytes: 128, message: 'capturing' },
      expect.objectContaining({ level: 'error', error: expect.objectContaining({ message: 'reset' }) }),
    ]);
  });

  test('hides secrets, also one level down', () => {
    const { lines, log } = collected('info');
    log.info('configured', {
      secretKey: 'hush',
      cls: { secretId: 'hush', topicId: 't' },
      headers: { Authorization: 'hush' },
    });
    expect(JSON.stringify(lines)).not.toContain('hush');
    expect(lines[0]).toMatchObject({ secretKey: '(hidden)', cls: { topicId: 't' } });
  });

  test('counts a line that repeats within a minute, per interface, and says how many there were', () => {
    const { lines, log, clock } = collected('info');
    for (let index = 0; index < 5; index++) log.warn('dropped', { interface: 'eth0', packets: index });
    log.warn('dropped', { interface: 'eth1' });
    clock.ms += 60_000;
    log.warn('dropped', { interface: 'eth0', packets: 9 });
    clock.ms += 60_000;
    log.warn('dropped', { interface: 'eth0' });
    expect(lines.map(({ interface: name, packets, repeated }) => [name, packets, repeated])).toEqual([
      ['eth0', 0, undefined],
      ['eth1', undefined, undefined],
      ['eth0', 9, 4],
      ['eth0', undefined, undefined],
    ]);
  });

  test('is not silenced by a clock that is set back, and remembers a bounded number of lines', () => {
    const { lines, log, clock } = collected('info');
    log.info('a');
    clock.ms -= 3_600_000;
    log.info('a');
    expect(lines).toHaveLength(2);
    for (let index = 0; index < 1000; index++) log.info(`line ${index}`);
    log.info('line 0');
    log.info('line 999');
    expect(lines).toHaveLength(1003);
  });
});
