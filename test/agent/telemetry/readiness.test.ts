import { describe, expect, test } from 'vitest';
import { readinessOf } from '../../../agent/telemetry/readiness.ts';
import { StatusWorld } from '../../support/agent-status.ts';

const world = (change: object = {}) => {
  const made = new StatusWorld();
  Object.assign(made.exporter, change);
  return made.collector.read().exporter;
};

describe('whether records arrive', () => {
  test('is not known before somebody asked or anything was uploaded', () => {
    expect(readinessOf(world(), 300, undefined)).toEqual({
      state: 'unknown',
      message: 'No upload yet; the first records are sent when a window ends, every 300 s.',
    });
  });

  test('is known from an answer without an upload', () => {
    expect(readinessOf(world(), 60, 'open')).toMatchObject({ state: 'ready' });
    const refused = { kind: 'refused', reason: '404 TopicNotExist; no such topic in this region' } as const;
    expect(readinessOf(world(), 60, refused)).toEqual({
      state: 'refused',
      message:
        'The log service rejects uploads; operator action required. Records are pending on disk: 404 TopicNotExist; no such ' +
        'topic in this region.',
    });
    expect(readinessOf(world(), 60, { kind: 'unreachable', reason: 'refused' })).toMatchObject({
      state: 'unreachable',
    });
  });

  test('is what the last upload says, whatever was answered before', () => {
    const open = 'open' as const;
    const blocked = { state: 'blocked', lastError: '403 AccountArrears; the account is in arrears' };
    expect(readinessOf(world(blocked), 60, open)).toMatchObject({
      state: 'refused',
      message: expect.stringMatching(/AccountArrears; the account is in arrears\.$/),
    });
    expect(readinessOf(world({ state: 'backing-off', lastError: 'no answer' }), 60, open)).toMatchObject({
      state: 'unreachable',
      message: expect.stringMatching(/topic flowlog at .* no answer\.$/),
    });
    const refused = { kind: 'refused', reason: 'before' } as const;
    expect(readinessOf(world({ deliveredBatches: 1 }), 60, refused)).toMatchObject({
      state: 'ready',
      message: expect.stringMatching(/the index of the topic/),
    });
  });

  test('is not said of what a protocol acknowledges nothing of', () => {
    const { state, message } = readinessOf(world({ sentBatches: 1 }), 60, 'open');
    expect(state).toBe('ready');
    expect(message).toMatch(/^Records are sent, the last ones at .*\. The protocol acknowledges nothing; /);
  });
});
