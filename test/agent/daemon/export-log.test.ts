import { expect, test } from 'vitest';
import { ExportLog } from '../../../agent/daemon/export-log.ts';
import { createLog } from '../../../agent/telemetry/log.ts';

function logging(level: 'error' | 'warn' | 'info') {
  const lines: string[] = [];
  const destination = {
    write: (text: string) => {
      const { level: at, message, reason = '' } = JSON.parse(text) as Record<string, string>;
      lines.push(`${at}: ${message}${reason === '' ? '' : ` (${reason})`}`);
    },
  };
  return { lines, uploads: new ExportLog(createLog({ level, nowMs: () => 0, destination }), 'topic t') };
}

const REJECTS = 'error: the log service rejects uploads; operator action required; batches are pending on disk';
const FAILS = 'warn: uploads fail and are retried; batches are pending on disk';

test('trouble, each reason of it and its end are written, the end at the level of the trouble', () => {
  const { lines, uploads } = logging('info');
  uploads.enter('sending', undefined);
  uploads.enter('backing-off', 'no response');
  uploads.enter('backing-off', '503');
  uploads.enter('sending', undefined);
  uploads.enter('blocked', '401 SecretIdNotFound');
  uploads.enter('backing-off', '429 SpeedQuotaExceed');
  uploads.enter('sending', undefined);
  uploads.enter('idle', undefined);
  expect(lines).toEqual([
    `${FAILS} (no response)`,
    `${FAILS} (503)`,
    'warn: uploads succeed again',
    `${REJECTS} (401 SecretIdNotFound)`,
    `${FAILS} (429 SpeedQuotaExceed)`,
    'error: uploads succeed again',
  ]);
});

test('who sees errors alone sees the end of what was one', () => {
  const { lines, uploads } = logging('error');
  uploads.enter('blocked', 'arrears');
  uploads.enter('sending', undefined);
  expect(lines).toEqual([`${REJECTS} (arrears)`, 'error: uploads succeed again']);
});

test('nothing pending any more is no success', () => {
  const { lines, uploads } = logging('info');
  uploads.enter('backing-off', 'no response');
  uploads.enter('idle', undefined);
  uploads.enter('sending', undefined);
  expect(lines).toEqual([`${FAILS} (no response)`, 'warn: no pending batches']);
});
