import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { readBootId } from '../../../agent/spool/boot-id.ts';
import { takeLock } from '../../../agent/spool/lock-file.ts';
import { lockSpool } from '../../../agent/spool/spool-lock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const { lockFile: flock } = loadCaptureAddon();
const startOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')[19]!;

function refusal(folder: string): string {
  try {
    lockSpool(folder, flock);
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'instance.running') return error.message;
    throw error;
  }
  return 'none';
}

describe('one process, one folder', () => {
  test('a second holder is refused and learns who holds it since when; the file stays', () => {
    const folder = temporaryFolder();
    const held = lockSpool(folder, flock);
    expect(refusal(folder)).toMatch(
      new RegExp(
        `is in use by process ${process.pid} on \\S+ since \\d{4}-\\d\\d-\\d\\d [\\d:]+Z: stop that agent, or `,
      ),
    );
    held.release();
    expect(existsSync(join(folder, 'spool.lock'))).toBe(true);
    expect(refusal(folder)).toBe('none');
  });

  test('what somebody wrote into the file is not repeated', () => {
    const folder = temporaryFolder();
    const held = lockSpool(folder, flock);
    writeFileSync(join(folder, 'spool.lock'), '\u001b[2J process of the enemy\n');
    expect(refusal(folder)).toContain('in use by another process:');
    held.release();
  });

  test('is free at once when the holder is killed', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'spool.lock');
    const words = ['--no-fork', path, 'sh', '-c', 'echo held; exec sleep 600'];
    const holder = spawn('flock', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    expect(refusal(folder)).toContain('in use by another process');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(refusal(folder)).toBe('none');
  });

  test('a lock file that was deleted or replaced is no longer in place', () => {
    const folder = temporaryFolder();
    const held = lockSpool(folder, flock);
    expect(held.isInPlace).toBe(true);
    renameSync(join(folder, 'spool.lock'), join(folder, 'elsewhere'));
    expect(held.isInPlace).toBe(false);
    writeFileSync(join(folder, 'spool.lock'), '');
    expect(held.isInPlace).toBe(false);
    rmSync(folder, { recursive: true });
    expect(held.isInPlace).toBe(false);
    held.release();
  });

  test('a link that somebody put in its place is not followed', () => {
    const folder = temporaryFolder();
    symlinkSync('victim', join(folder, 'spool.lock'));
    expect(() => takeLock(join(folder, 'spool.lock'), flock)).toThrow(expect.objectContaining({ code: 'ELOOP' }));
    expect(existsSync(join(folder, 'victim'))).toBe(false);
  });

  test('an agent of an earlier version that runs keeps a new one out', () => {
    const folder = temporaryFolder();
    symlinkSync(`${process.pid} ${readBootId()} ${startOf(process.pid)}`, join(folder, 'lock'));
    expect(refusal(folder)).toContain(`process ${process.pid} (an earlier flowlogd)`);
    rmSync(join(folder, 'lock'));
    mkdirSync(join(folder, 'lock'));
    expect(refusal(folder)).toBe('none');
  });

  test.each([
    ['no process has that id', `1073741824 ${readBootId()} 100`],
    ['the id belongs to a later process', `${process.pid} ${readBootId()} 1`],
    ['the machine was booted since', `${process.pid} another-boot ${startOf(process.pid)}`],
  ])('what a killed one of an earlier version left goes: %s', (_, target) => {
    const folder = temporaryFolder();
    symlinkSync(target, join(folder, 'lock'));
    expect(refusal(folder)).toBe('none');
    expect(() => readFileSync(join(folder, 'lock'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
