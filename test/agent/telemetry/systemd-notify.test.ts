import { describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../../agent/telemetry/agent-status.ts';
import { SystemdNotify, statusLine } from '../../../agent/telemetry/systemd-notify.ts';

function notifying(environment: Record<string, string>, failure?: string) {
  const sent: string[] = [];
  const failures: string[] = [];
  const notify = new SystemdNotify({
    environment,
    processId: 812,
    send: (path, text) => {
      if (failure !== undefined) throw new Error(failure);
      sent.push(`${path} ${text}`);
    },
    monotonicMicroseconds: () => 5_000_001n,
    onFailure: (reason) => failures.push(reason),
  });
  return { notify, sent, failures };
}

const SOCKET = { NOTIFY_SOCKET: '@manager' };
const WATCHDOG = { ...SOCKET, WATCHDOG_USEC: '8000000', WATCHDOG_PID: '812' };

describe('outside systemd', () => {
  test.each([{}, { NOTIFY_SOCKET: '' }])('nothing is sent (%o)', (environment) => {
    const { notify, sent } = notifying(environment);
    notify.ready();
    notify.look({ progress: () => 1, line: () => 'well' });
    notify.stopping();
    expect(notify.isHeard).toBe(false);
    expect(sent).toEqual([]);
  });
});

describe('what systemd is told', () => {
  test('is the life of the agent in the words of sd_notify(3)', () => {
    const { notify, sent } = notifying(SOCKET);
    notify.ready();
    notify.reloading();
    notify.ready();
    notify.stopping();
    expect(sent).toEqual([
      '@manager READY=1',
      '@manager RELOADING=1\nMONOTONIC_USEC=5000001',
      '@manager READY=1',
      '@manager STOPPING=1\nSTATUS=flushing the last windows',
    ]);
  });

  test('the line once, until it changes, and never more than one line', () => {
    const { notify, sent } = notifying(SOCKET);
    for (const line of ['capturing', 'capturing', 'two\nlines', 'x'.repeat(1000)])
      notify.look({ progress: () => 1, line: () => line });
    expect(sent).toEqual([
      '@manager STATUS=capturing',
      '@manager STATUS=two lines',
      `@manager STATUS=${'x'.repeat(240)}`,
    ]);
  });

  test('a manager that does not listen is a failure to tell, not to work', () => {
    const { notify, failures } = notifying(SOCKET, 'ECONNREFUSED');
    notify.ready();
    expect(failures).toEqual(['ECONNREFUSED']);
  });
});

describe('the watchdog', () => {
  test('is fed four times in its interval, or not at all without one', () => {
    expect(notifying(WATCHDOG).notify.lookMs).toBe(2000);
    expect(notifying({ ...WATCHDOG, WATCHDOG_USEC: '3600000000' }).notify.lookMs).toBe(10_000);
    expect(notifying(SOCKET).notify.lookMs).toBe(10_000);
  });

  test('is fed with progress only: a data plane that is stuck starves it', () => {
    const { notify, sent } = notifying(WATCHDOG);
    for (const progress of [7, 8, 8, 8, 9]) notify.look({ progress: () => progress, line: () => '' });
    expect(sent).toEqual(Array(3).fill('@manager WATCHDOG=1'));
  });

  test("of another process is not this one's", () => {
    const { notify, sent } = notifying({ ...WATCHDOG, WATCHDOG_PID: '1' });
    notify.look({ progress: () => 1, line: () => '' });
    expect(sent).toEqual([]);
  });
});

describe('the line', () => {
  const ledger = { offeredPackets: 1200, lostPackets: 3 };
  const well = {
    problems: [],
    interfaces: [
      { interface: 'eth0', ledger },
      { interface: 'lo', ledger },
    ],
    spool: { batches: 2 },
  } as unknown as AgentStatus;

  test('says what is captured, how much, and what waits', () => {
    expect(statusLine(well)).toBe('capturing eth0, lo: 2400 packets in closed windows, 6 lost; 2 batches pending');
  });

  test('says the gravest problem and what to do about it', () => {
    const problem = { message: 'eth0 is gone.', advice: 'Look at ip link.' };
    expect(statusLine({ ...well, problems: [problem] } as unknown as AgentStatus)).toBe(
      'eth0 is gone. Look at ip link.',
    );
  });
});
