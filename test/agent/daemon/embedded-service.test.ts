import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { launchLogService } from '../../../agent/daemon/embedded-service.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Takes every file descriptor that this process may still have; answers what gives them back. */
function exhaustDescriptors(): () => void {
  const [, soft] = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))!;
  const limit = (files: string | number) => execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${files}:`]);
  limit(Math.min(Number(soft), 400));
  const held: number[] = [];
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch {}
  return () => {
    for (const descriptor of held) closeSync(descriptor);
    limit(soft!);
  };
}

test('a log service for which there is no file descriptor left ends, and says so; the agent does not', async () => {
  const folder = temporaryFolder();
  const giveBack = exhaustDescriptors();
  try {
    const run = launchLogService(folder, () => undefined);
    expect(await run.ended).toMatch(/^spawn .* EMFILE$/);
    expect(await run.ready).toBeUndefined();
    await run.stop();
  } finally {
    giveBack();
  }
});
