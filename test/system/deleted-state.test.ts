/**
 * Somebody deletes the state of a running agent, or a part of it, while numbered packets arrive: the agent keeps capturing,
 * makes it again, says so with what is lost, and delivers the rest. What was pending and undelivered is told, to the packet.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isSystemError } from '../../agent/model/system-error.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { SPOOL_HEADER_BYTES } from '../../agent/spool/spool-file.ts';
import { LOCK_NAME } from '../../agent/spool/spool-lock.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { compiled } from '../support/compiled.ts';
import { mountMemory } from '../support/mounted-disk.ts';
import { ObservedHost, totalPackets } from '../support/observed-host.ts';
import { countsOf } from '../support/stored-flows.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const limitsFiles = loadCaptureAddon().landlockVersion() >= 2;
const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`deleted-state: ${missing}\n`);

/** Landlock lets an agent write in the directory that was there at its start: no other takes its place, whatever its name. */
const WITHOUT_LANDLOCK = [compiled('without-landlock.c')];
const WINDOW_SECONDS = 1;
const UNMADE = 'cannot be recreated; a stop would lose data in memory';
const REMADE = 'were deleted or replaced; recreated';
const DELETED = 'pending batches were deleted from the spool before delivery';

/** `rm -r`, once more where the agent made something anew meanwhile: Node.js empties a directory once, however often it retries. */
function removeAll(path: string): void {
  for (;;) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOTEMPTY') throw error;
    }
  }
}

describe.skipIf(missing !== undefined)('of a running agent', { timeout: 120_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  const inState = (...names: readonly string[]) => join(host.agent.stateFolder, ...names);

  test.each([
    ['the state directory', () => removeAll(host.agent.stateFolder), WITHOUT_LANDLOCK],
    ['the folder of the spool', () => removeAll(inState('spool'))],
    ['the folder of open windows', () => removeAll(inState('tables'))],
    ['the control socket', () => rmSync(inState('control.sock'))],
    ['the list of flow logs', () => rmSync(inState('flow-logs.json'))],
    ['the lock', () => rmSync(inState('spool', LOCK_NAME))],
    [
      'everything, replaced by another directory,',
      () => {
        renameSync(host.agent.stateFolder, `${host.agent.stateFolder}.old`);
        mkdirSync(host.agent.stateFolder, { mode: 0o700 });
      },
      WITHOUT_LANDLOCK,
    ],
  ])('%s is made again, and what is in memory is delivered', async (_, remove, through: readonly string[] = []) => {
    host = await ObservedHost.start(WINDOW_SECONDS, '', '', through);
    const running = await host.agent.start();
    await host.agent.untilStatus();
    await host.windowBegin();
    host.sendBurst();
    await host.untilArrived();
    await host.windowBegin();
    host.sendBurst();
    remove();
    host.sendBurst();
    await running.until(({ stderr }) => stderr.includes(REMADE));
    await host.agent.untilStatus(({ state }) => state.remade >= 1);
    const entries = JSON.parse(readFileSync(inState('flow-logs.json'), 'utf8')) as { flowLogs: readonly unknown[] };
    expect(entries.flowLogs).toHaveLength(1);
    // Nobody else gets it.
    expect((await host.agent.launchAnother().ended).stderr).toMatch(
      /already running in .*: process \d+|is in use by process \d+/,
    );
    host.sendBurst();
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    // A window that was closed and not yet delivered at that moment is told as lost.
    const told = toldLost(running.stderr);
    const arrived = countsOf(await host.service.query());
    expect(totalPackets(arrived) + told).toBe(totalPackets(host.counts));
    if (told === 0) expect(countLines(arrived)).toEqual(countLines(host.counts));
    await host.service.stop();
  });

  test.skipIf(!limitsFiles)(
    'the state directory is a problem where Landlock holds it to the former one; capture continues',
    async () => {
      host = await ObservedHost.start(WINDOW_SECONDS);
      const running = await host.agent.start();
      await host.agent.untilStatus();
      await host.windowBegin();
      host.sendBurst();
      // In one step, so that nothing of it is made again before all of it is gone.
      renameSync(host.agent.stateFolder, `${host.agent.stateFolder}.gone`);
      await running.until(({ stderr }) => stderr.includes(UNMADE));
      expect(running.stderr).not.toContain(REMADE);
      expect(running.stderr).toContain('restart flowlogd at once');
    },
  );

  test('the state directory goes with its parent just before a stop: the windows in memory are in a new one', async () => {
    host = await ObservedHost.start(WINDOW_SECONDS, '', '', WITHOUT_LANDLOCK);
    await host.agent.start();
    await host.service.stop();
    await host.windowBegin();
    host.sendBurst();
    removeAll(dirname(host.agent.stateFolder));
    expect((await host.agent.stop()).code).toBe(0);
    expect(pendingPackets()).toBe(totalPackets(host.counts));
  });

  test.each([
    ['with everything in the state directory', () => readdirSync(host.agent.stateFolder)],
    ['alone', () => host.agent.spooled.map((name) => join('spool', 'sinks', 'cls', name))],
  ])('what was pending and is deleted %s is told as lost, to the packet', async (_, deleted) => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    await host.service.stop();
    mkdirSync(host.agent.stateFolder);
    mountMemory(64 * 1024 ** 2, host.agent.stateFolder);
    const running = await host.agent.start();
    for (let window = 0; window < 2; window++) {
      await host.windowBegin();
      host.sendBurst();
    }
    const lost = totalPackets(host.counts);
    await expect.poll(pendingPackets).toBe(lost);
    for (const name of deleted()) removeAll(inState(name));
    await running.until(({ stderr }) => stderr.includes(DELETED));
    await host.agent.untilStatus(({ problems }) => problems.some(({ code }) => code === 'batches-vanished'));
    // One may have been on its way, which is known to be lost when it is tried again.
    await expect.poll(async () => (await host.agent.status())?.spool.vanishedPackets).toBe(lost);
    expect((await host.agent.untilStatus()).spool.vanishedUnaccountedBatches).toBe(0);
    await expect.poll(() => toldLost(running.stderr)).toBe(lost);
    host.sendBurst();
    await host.service.start();
    expect((await host.agent.stop()).code).toBe(0);
    const arrived = totalPackets(countsOf(await host.service.query()));
    expect(arrived + pendingPackets() + lost).toBe(totalPackets(host.counts));
    await host.service.stop();
  });

  function toldLost(log: string): number {
    return [...log.matchAll(/"lostPackets":(\d+)/g)].reduce((sum, [, lost]) => sum + Number(lost), 0);
  }

  function pendingPackets(): number {
    const labels = host.agent.spooled.map(
      (name) => new FlowBatchReader(readFileSync(inState('spool', 'sinks', 'cls', name)).subarray(SPOOL_HEADER_BYTES)),
    );
    return labels.reduce((sum, { totals }) => sum + totals!.packets, 0);
  }
});
