/**
 * Open windows in memory: nothing that a disk does holds up the counting, also not one that neither takes nor refuses but has
 * every call wait. The oracle is the sender's own account, and the kernel's counter of the interface.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { runInProcess } from '../support/in-process.ts';
import { makeDisk, mountMemory } from '../support/mounted-disk.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { storedTicks, type Tick, TickSender, total } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing =
  twoHostsMissing() ?? ['fsfreeze', 'mkfs.ext4', 'mount'].map(commandMissing).find((reason) => reason !== undefined);
if (missing !== undefined) process.stderr.write(`tables-in-memory: ${missing}\n`);

const WINDOW_SECONDS = 1;
/** 20,000 packets a second: the packet ring would be full of them in two. */
const PACKETS_PER_TICK = 200;
const HANG_SECONDS = 4;

describe.skipIf(missing !== undefined)('an agent whose open windows are in memory', { timeout: 120_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  /** The agent's state on a small disk of its own, its open windows in a memory of so many bytes. Answers the folder of those. */
  async function startHost(bytes = 256 * 1024 ** 2): Promise<string> {
    const memory = temporaryFolder();
    mountMemory(bytes, memory);
    host = await ObservedHost.start(WINDOW_SECONDS, `table: { directory: ${memory} }\n`);
    const { stateFolder } = host.agent;
    makeDisk(join(dirname(stateFolder), 'disk.img'), stateFolder);
    return memory;
  }

  const packetsOf = ({ packets }: Tick) => total(packets);

  async function storedPackets(sent: readonly Tick[]): Promise<number[]> {
    const stored = await storedTicks(host.service, sent.length);
    return sent.map((_, tick) => total(stored.get(tick) ?? { 4: 0, 6: 0 }));
  }

  test('counts on while its disk hangs, and loses nothing', async () => {
    await startHost();
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    await host.windowBegin();
    execFileSync('fsfreeze', ['--freeze', host.agent.stateFolder]);
    try {
      await sleep(HANG_SECONDS * 1000);
      const status = ['status', '--state-directory', host.agent.stateFolder];
      await expect
        .poll(async () => (await runInProcess(status)).stdout)
        .toMatch(/[3-9] closed windows of obs0 pending/);
    } finally {
      execFileSync('fsfreeze', ['--unfreeze', host.agent.stateFolder]);
    }
    await host.windowBegin();
    const sent = await sender.stop();
    const { packets } = host.hosts.counters().rx;
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    expect(sent.reduce((sum, tick) => sum + packetsOf(tick), 0)).toBe(packets);
    expect(await storedPackets(sent)).toEqual(sent.map(packetsOf));
    const ledgers = (await host.service.query('ledger-status:*')).filter(isLedger);
    for (const field of ['dropped-by-kernel-packets', 'overflowed-packets', 'coarsened-packets', 'gap-seconds'])
      expect(ledgerSum(ledgers, `ledger-${field}`), field).toBe(0);
    await host.service.stop();
  });

  /** Where the run that was killed left its window. */
  function folderOfWindow(memory: string): string | undefined {
    const [folder = ''] = readdirSync(memory);
    const folders = { memory: join(memory, folder), disk: join(host.agent.stateFolder, 'tables') };
    const found = Object.entries(folders).filter(([, path]) =>
      readdirSync(path).some((name) => name.endsWith('.window')),
    );
    return found.map(([name]) => name).join();
  }

  test.each([
    ['in memory', 256 * 1024 ** 2, 'memory'],
    ['on the disk, because the memory is more than half full', 24 * 1024, 'disk'],
  ])('that is killed has its windows %s, and loses nothing but a gap', async (_, bytes, place) => {
    const memory = await startHost(bytes);
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    await host.windowBegin();
    await sleep(700);
    await host.agent.stop('SIGKILL');
    const killed = Date.now() / 1000;
    expect(folderOfWindow(memory)).toBe(place);
    await host.agent.start();
    const capturing = Date.now() / 1000;
    await sleep(700);
    const sent = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);
    const stored = await storedPackets(sent);
    for (const [number, tick] of sent.entries()) {
      // The last round before a kill may be half a second old, the kernel's holding back up to a second.
      const isCaptured = tick.toSeconds < killed - 1.5 || tick.fromSeconds > capturing;
      if (isCaptured) expect(stored[number], `tick ${number}`).toBe(packetsOf(tick));
      expect(stored[number]).toBeLessThanOrEqual(packetsOf(tick));
    }
    const ledgers = (await host.service.query('ledger-status:*')).filter(isLedger);
    expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(stored.reduce((sum, packets) => sum + packets, 0));
    await host.service.stop();
  });
});
