import { expect, test } from 'vitest';
import { firstWindowNote } from '../../../agent/commands/first-window.ts';
import type { AgentStatus, InterfaceStatus } from '../../../agent/telemetry/agent-status.ts';

function status(...interfaces: Partial<InterfaceStatus>[]): Pick<AgentStatus, 'interfaces' | 'logService'> {
  const capturing = { state: 'capturing', windowSeconds: 60, lastWindows: [] };
  return {
    interfaces: interfaces.map((each) => ({ ...capturing, ...each }) as unknown as InterfaceStatus),
    logService: { storeFolder: STORE } as AgentStatus['logService'],
  };
}

const STORE = '/var/lib/flowlogd/logservice';
const NOON = Date.UTC(2026, 0, 1, 12) / 1000;

test('the first window ends at the next multiple of its length', () => {
  expect(firstWindowNote(status({}), STORE, NOON + 17.5)).toBe(
    'The first window ends at 2026-01-01 12:01:00Z; its records are here one or two seconds later.',
  );
  expect(firstWindowNote(status({}), STORE, NOON)).toContain('12:01:00Z');
});

test('of several interfaces the first window that ends counts', () => {
  expect(firstWindowNote(status({ windowSeconds: 600 }, { windowSeconds: 10 }), STORE, NOON + 3)).toContain(
    '12:00:10Z',
  );
});

test('nothing is said where nothing is captured, or a window has ended', () => {
  const window = { startSeconds: NOON, endSeconds: NOON + 60 } as InterfaceStatus['lastWindows'][number];
  expect(firstWindowNote(status(), STORE, NOON)).toBeUndefined();
  expect(firstWindowNote(status({ state: 'waiting' }), STORE, NOON)).toBeUndefined();
  expect(firstWindowNote(status({}, { lastWindows: [window] }), STORE, NOON)).toBeUndefined();
});

test('nothing is said of a store that is not the one of the agent', () => {
  expect(firstWindowNote(status({}), '/var/lib/flowlogd/other', NOON)).toBeUndefined();
  expect(firstWindowNote(status({}), `${STORE}/../logservice/`, NOON)).toContain('12:01:00Z');
  expect(firstWindowNote({ ...status({}), logService: null }, STORE, NOON)).toBeUndefined();
});
