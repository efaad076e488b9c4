import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HangUps } from '../../../agent/daemon/hang-ups.ts';
import { type ReloadOutcome, serveManager } from '../../../agent/daemon/service-manager.ts';
import type { FlowLogEntry } from '../../../agent/flow-logs/flow-log-entry.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { SystemdNotify } from '../../../agent/telemetry/systemd-notify.ts';
import { settled } from '../../support/fake-timers.ts';
import { recordedLog } from '../../support/recorded-log.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const UNCHANGED: ReloadOutcome = {
  restartFor: [],
  flowLogs: { created: [], removed: [], changed: [], refusals: [] },
};
const entry = (id: string, name: string) => ({ id, attributes: { name } }) as FlowLogEntry;
const STATUS = { problems: [{ message: 'All is lost.', advice: 'Run.' }] };

/** An agent under a service manager; `environment` without a socket is that of a terminal. */
function served(
  reload: () => Promise<ReloadOutcome>,
  environment: Readonly<Record<string, string>> = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '4000000' },
) {
  const log = recordedLog();
  const sent: string[] = [];
  const notify = new SystemdNotify({
    environment,
    processId: 1,
    send: (_path, text) => sent.push(text),
    monotonicMicroseconds: () => 7n,
    onFailure: (reason) => sent.push(`failed: ${reason}`),
  });
  let hangUp: () => void = () => undefined;
  const hangUps = new HangUps({
    onHangUp: (listener) => {
      hangUp = listener;
    },
  });
  const supervisor = { progress: 1, status: { read: () => STATUS } };
  const leave = serveManager(supervisor as never, notify, { hangUps, reload }, log);
  return { log, sent, supervisor, leave, hangUp: () => hangUp() };
}

describe('a service manager', () => {
  test('hears that the agent is ready, how it does, and that it stops', () => {
    const { sent, leave } = served(async () => UNCHANGED);
    expect(sent).toEqual(['READY=1', 'WATCHDOG=1\nSTATUS=All is lost. Run.']);
    leave();
    expect(sent.slice(2)).toEqual(['STOPPING=1\nSTATUS=flushing the last windows']);
  });

  test('feeds its watchdog with the rounds of the data plane, and with nothing else', () => {
    const { sent, supervisor, leave } = served(async () => UNCHANGED);
    sent.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
    supervisor.progress++;
    vi.advanceTimersByTime(1000);
    expect(sent).toEqual(['WATCHDOG=1']);
    leave();
    sent.length = 0;
    supervisor.progress++;
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
  });

  test('is told nothing where there is none, and no timer runs for it', () => {
    const { sent, leave } = served(async () => UNCHANGED, {});
    expect(vi.getTimerCount()).toBe(0);
    leave();
    expect(sent).toEqual([]);
  });
});

describe('a reload', () => {
  test('is told to the service manager and to the log, with what it changed', async () => {
    const flowLogs = {
      created: [entry('fl-1', 'web')],
      removed: [entry('fl-2', 'db')],
      changed: [entry('fl-3', 'nat'), entry('fl-4', 'ccn')],
      refusals: [{ flowLogId: 'fl-5', code: 'flow-log.refused' as const, message: 'fl-5: interfaces are immutable.' }],
    };
    const { sent, log, hangUp } = served(async () => ({ restartFor: ['capture.engine'], flowLogs }));
    sent.length = 0;
    hangUp();
    await settled();
    expect(sent).toEqual(['RELOADING=1\nMONOTONIC_USEC=7', 'READY=1']);
    expect(log.lines).toEqual([
      'info: reloading the configuration',
      'error: fl-5: interfaces are immutable.',
      'info: configuration reloaded; flow logs created fl-1 (web), deleted fl-2 (db), changed fl-3 (nat), changed fl-4 (ccn)',
      'warn: these options require a restart {"options":["capture.engine"]}',
    ]);
  });

  test('that changes nothing says so', async () => {
    const { log, hangUp } = served(async () => UNCHANGED);
    hangUp();
    await settled();
    expect(log.lines).toEqual([
      'info: reloading the configuration',
      'info: configuration reloaded; flow logs unchanged',
    ]);
  });

  test('that fails leaves the agent ready, with the configuration that it had', async () => {
    const { sent, log, hangUp } = served(async () => {
      throw new OperationalError('config.invalid', 'flowlogd.yaml, line 3: unknown option.');
    });
    sent.length = 0;
    hangUp();
    await settled();
    expect(sent.at(-1)).toBe('READY=1');
    expect(log.lines.at(-1)).toBe(
      'error: configuration reload failed; keeping the current one: flowlogd.yaml, line 3: unknown option.',
    );
  });

  test('begins when the one before has ended', async () => {
    const ends: (() => void)[] = [];
    const { sent, hangUp } = served(() => new Promise((resolve) => ends.push(() => resolve(UNCHANGED))));
    sent.length = 0;
    hangUp();
    hangUp();
    await settled();
    expect([sent.length, ends.length]).toEqual([1, 1]);
    ends[0]!();
    await settled();
    expect(sent.map((text) => text.split('\n')[0])).toEqual(['RELOADING=1', 'READY=1', 'RELOADING=1']);
    ends[1]!();
    await settled();
    expect(sent.at(-1)).toBe('READY=1');
  });
});
