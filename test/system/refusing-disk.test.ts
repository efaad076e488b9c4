/** The agent on a disk that refuses for a time, one way after the other: it counts on, says so, and loses nothing once the disk is well. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import type { RunningCommand } from '../support/command.ts';
import { compiled } from '../support/compiled.ts';
import { makeDisk, mountDisk } from '../support/mounted-disk.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf } from '../support/stored-flows.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
const missingFor = (...commands: readonly string[]) =>
  missing ?? commands.map(commandMissing).find((reason) => reason !== undefined);
const readOnlyMissing = missingFor('mkfs.ext4', 'e2fsck', 'mount', 'nsenter');
const filesMissing = missingFor('prlimit');
const errorsMissing = missingFor('strace');
for (const reason of new Set([readOnlyMissing, filesMissing, errorsMissing])) {
  if (reason !== undefined) process.stderr.write(`refusing-disk: ${reason}\n`);
}

const WINDOW_SECONDS = 1;

describe('an agent whose disk', { timeout: 120_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  /** Two windows with traffic while the disk refuses; answers when the agent has said why. */
  async function sendMeanwhile(running: RunningCommand, code: string): Promise<void> {
    for (let window = 0; window < 2; window++) {
      await host.windowBegin();
      host.sendBurst();
    }
    await running.until(({ stderr }) => stderr.includes('spool.unusable') && stderr.includes(code));
  }

  async function compare(agent: AgentProcess): Promise<void> {
    host.sendBurst();
    expect((await agent.stop()).code).toBe(0);
    expect(agent.spooled).toEqual([]);
    expect(countLines(countsOf(await host.service.query()))).toEqual(countLines(host.counts));
    await host.service.stop();
  }

  test.skipIf(readOnlyMissing !== undefined)('turns read-only loses nothing once it is repaired', async () => {
    // Landlock has no rule for what is mounted after the start of the agent, which is then to be restarted.
    host = await ObservedHost.start(WINDOW_SECONDS, '', '', [compiled('without-landlock.c')]);
    const { stateFolder } = host.agent;
    const image = join(dirname(stateFolder), 'disk.img');
    makeDisk(image, stateFolder, 'errors=remount-ro');
    const running = await host.agent.start();
    const device = execFileSync('findmnt', ['-n', '-o', 'SOURCE', stateFolder], { encoding: 'utf8' }).trim();
    execFileSync('sync', ['--file-system', stateFolder]);
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, '1');
    await sendMeanwhile(running, 'EROFS');
    // The file system stays as it is while files on it are open: what was repaired is a copy, in its place.
    copyFileSync(image, `${image}.repaired`);
    try {
      execFileSync('e2fsck', ['-fy', `${image}.repaired`], { stdio: 'ignore' });
    } catch (error) {
      expect((error as { status: number }).status, 'e2fsck has corrected something').toBe(1);
    }
    mountDisk(`${image}.repaired`, stateFolder, 'errors=remount-ro');
    // The agent has mounts of its own, as `ip netns exec` gives them.
    const inside = [
      '--target',
      String(host.agent.pid),
      '--mount',
      'mount',
      '-o',
      'loop',
      `${image}.repaired`,
      stateFolder,
    ];
    execFileSync('nsenter', inside);
    await running.until(({ stderr }) => stderr.includes('persisted again'));
    await compare(host.agent);
  });

  test.skipIf(filesMissing !== undefined)('has no file left to open loses nothing once there are some', async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    const running = await host.agent.start();
    const limit = (files: number) => execFileSync('prlimit', ['--pid', String(host.agent.pid), `--nofile=${files}:`]);
    limit(readdirSync(`/proc/${host.agent.pid}/fd`).length - 2);
    await sendMeanwhile(running, 'EMFILE');
    limit(1024);
    await running.until(({ stderr }) => stderr.includes('persisted again'));
    await compare(host.agent);
  });

  test.skipIf(errorsMissing !== undefined)('reports errors loses nothing once it is well', async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    const { hosts, service, agent } = host;
    const inject = [
      'strace',
      '-D',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      'trace=fsync',
      '-e',
      'inject=fsync:error=EIO:when=3..5',
    ];
    const options = {
      namespace: hosts.observed,
      folder: dirname(agent.stateFolder),
      service,
      windowSeconds: WINDOW_SECONDS,
    };
    const traced = new AgentProcess({ ...options, through: inject });
    const running = await traced.start();
    await sendMeanwhile(running, 'EIO');
    await running.until(({ stderr }) => stderr.includes('spool writable again'));
    await compare(traced);
  });
});
