/** A folder of open windows that the disk refuses when the agent starts: it counts on, and keeps its windows once the folder is well. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { UNTIL_AT } from '../../agent/meter/observed-until.ts';
import { GRACE_SECONDS } from '../../agent/meter/rotation.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf } from '../support/stored-flows.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('mount') ?? commandMissing('nsenter');
if (missing !== undefined) process.stderr.write(`refusing-tables: ${missing}\n`);

const WINDOW_SECONDS = 3;

interface Fault {
  readonly code: string;
  readonly refuse: (folder: string) => void;
  /** @param pid of the agent, which has mounts of its own */
  readonly repair: (folder: string, pid: number) => void;
}

const FAULTS: readonly Fault[] = [
  {
    code: 'EROFS',
    refuse: (folder) => void execFileSync('mount', ['-o', 'remount,ro', folder]),
    repair: (folder, pid) =>
      void execFileSync('nsenter', ['--target', String(pid), '--mount', 'mount', '-o', 'remount,rw', folder]),
  },
  {
    // The agent has dropped the capability by which root passes over modes.
    code: 'EACCES',
    refuse: (folder) => chmodSync(folder, 0),
    repair: (folder) => chmodSync(folder, 0o700),
  },
];

describe.skipIf(missing !== undefined)('an agent whose folder of open windows', { timeout: 120_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  test.each(FAULTS)('answers $code at the start keeps its windows once it is repaired', async (fault) => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    const { agent } = host;
    const folder = join(agent.stateFolder, 'tables');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=700', 'tmpfs', folder]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
    // Left open by a run before.
    await agent.start();
    await burstAndKill();
    fault.refuse(folder);
    const running = await agent.start();
    await running.until(({ stderr }) => stderr.includes('not persisted') && stderr.includes(fault.code));
    await host.windowBegin();
    host.sendBurst();
    fault.repair(folder, agent.pid);
    await running.until(({ stderr }) => stderr.includes('persisted again'));
    // What was in memory only is in the spool, and so is what the run before had left.
    await host.untilArrived();
    await burstAndKill();
    await agent.start();
    host.sendBurst();
    expect((await agent.stop()).code).toBe(0);
    expect(agent.spooled).toEqual([]);
    expect(countLines(countsOf(await host.service.query()))).toEqual(countLines(host.counts));
    await host.service.stop();
  });

  /** Leaves an open window with packets, all of them counted. */
  async function burstAndKill(): Promise<void> {
    const folder = join(host.agent.stateFolder, 'tables');
    const filesLike = (end: string) => readdirSync(folder).filter((name) => name.endsWith(end));
    const seen = () => readFileSync(join(folder, filesLike('.seen')[0]!)).readDoubleLE(UNTIL_AT);
    await host.windowBegin();
    host.sendBurst();
    const sentSeconds = Date.now() / 1000;
    while (seen() < sentSeconds + GRACE_SECONDS) await sleep(20);
    await host.agent.stop('SIGKILL');
    expect(filesLike('.window')).not.toEqual([]);
  }
});
