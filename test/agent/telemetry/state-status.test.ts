import { expect, test } from 'vitest';
import { stateFailure } from '../../../agent/telemetry/state-status.ts';

test('a state directory that is gone is made again by who may, and else takes a restart', () => {
  expect(stateFailure({ failing: null }, true)).toBeUndefined();
  expect(stateFailure({ failing: 'spool: EACCES' }, true)?.advice).toMatch(/restart flowlogd at once/);
  expect(stateFailure({ failing: 'spool: EACCES' }, false)?.advice).not.toMatch(/restart/);
  expect(stateFailure({ failing: 'spool: EACCES' }, false)?.message).toContain('spool: EACCES');
});
